// Making elements, and saying numbers and times as people do.

/** An element: `h("a.quiet", { href, onclick, "aria-label": … }, …children)`. Text is text, never markup. */
export function h(what, properties = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  return fill(document.createElement(tag), classes, properties, children);
}

/** The same of SVG. */
export function s(what, properties = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), classes, properties, children);
}

function fill(element, classes, properties, children) {
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "hidden") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
  return element;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const broken = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const immense = new Intl.NumberFormat("en", { notation: "scientific", maximumFractionDigits: 2 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** How a number is said: one of more than 21 digits by its power of ten. */
const said = (value, usually) => (Math.abs(value) < 1e21 ? usually : immense).format(value);
export const count = (value) => (value === null || value === undefined ? "–" : said(value, whole));
export const compact = (value) => (value === null || value === undefined ? "–" : short.format(value));
export const figure = (value) => said(value, broken);
export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

/** A time of the server's, naive UTC or in seconds, as a Date; null where there is none. */
export function moment(value) {
  if (value === null || value === undefined || value === "") return null;
  if (typeof value === "number") return new Date(value * 1000);
  return new Date(/[zZ]|[+-]\d\d:?\d\d$/.test(value) ? value : `${value}Z`);
}

/** How long ago: `3 s ago`. */
export function ago(value) {
  const at = moment(value);
  if (!at) return "never";
  const seconds = Math.max(0, (Date.now() - at.getTime()) / 1000);
  return seconds < 2 ? "just now" : `${lasting(seconds)} ago`;
}

export function lasting(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export function clock(value) {
  const at = moment(value);
  return at ? at.toISOString().slice(0, 19).replace("T", " ") : "";
}

const sum = (numbers) => numbers.reduce((all, each) => all + each, 0);

/** What a stream of `GET /status` has taken in altogether, and how far behind each of its readers is. */
export function stands(stream) {
  const readers = stream.readers.map((each) => ({ name: each.consumer.replace(":", " "), behind: each.behind, seconds: each.seconds }));
  return { end: sum(Object.values(stream.end)), readers, behind: Math.max(0, ...readers.map((each) => each.behind)) };
}

/** How much stands in quarantine, by `GET /status`. */
export const asideOf = (status) => sum(status.quarantine.map((each) => each.count));

/** A table of rows that are lists; `columns` are names, or { name, numeric }. `lined`: a row is a line. */
export function table(columns, rows, label, lined = false) {
  const heads = columns.map((each) => (typeof each === "string" ? { name: each } : each));
  const head = h("tr", {}, heads.map((each) => h(each.numeric ? "th.number" : "th", { scope: "col" }, each.name)));
  const cell = (value, column) => {
    const said = value instanceof Node ? value : shown(value);
    return h(column.numeric ? "td.number" : "td", { title: typeof said === "string" && said.length > 50 ? said : undefined }, said);
  };
  const body = rows.map((row) => h("tr", {}, row.map((value, place) => cell(value, heads[place]))));
  const made = h(lined ? "table.lined" : "table", {}, h("caption.unseen", {}, label), h("thead", {}, head), h("tbody", {}, body));
  return h("div.scroll", { tabindex: 0, role: "region", "aria-label": label }, made);
}

/** A value of an answer, to be read. */
export function shown(value) {
  if (value === null || value === undefined) return h("span.null", {}, "null");
  if (typeof value === "object") return JSON.stringify(value);
  const text = String(value);
  return /^\d{4}-\d\d-\d\dT\d\d:/.test(text) ? text.replace("T", " ") : text;
}

/** Rows that are objects, as a table; columns that hold only figures stand right. */
export function answerTable(columns, rows, label) {
  const numeric = (name) => rows.some((row) => row[name] !== null) && rows.every((row) => row[name] === null || isFigure(row[name]));
  const heads = columns.map((name) => ({ name, numeric: numeric(name) }));
  return table(heads, rows.map((row) => columns.map((name) => row[name])), label, true);
}

export const isFigure = (value) =>
  typeof value === "number" || (typeof value === "string" && value.length < 40 && /^-?\d+(\.\d+)?$/.test(value));

/** Work every so often while the page is looked at and `element` stands in it; its cost sets the pace. */
export function repeat(element, seconds, work) {
  let waiting = 0;
  let stopped = false;
  const step = async () => {
    if (stopped || !element.isConnected) return;
    const began = performance.now();
    if (!document.hidden) await work().catch(() => {});
    const took = performance.now() - began;
    if (!stopped) waiting = setTimeout(step, Math.max(seconds * 1000, Math.min(took * 4, 20000)));
  };
  step();
  return () => {
    stopped = true;
    clearTimeout(waiting);
  };
}

/** Tell the reader, in sight and aloud. */
export function say(text, kind = "good") {
  const toast = h(`p.toast.${kind}`, {}, text);
  document.getElementById("said").append(toast);
  setTimeout(() => toast.remove(), 6000);
}

/** What went wrong, as a panel. */
export function trouble(error) {
  return h("div.card.trouble", { role: "alert" }, h("b", {}, error.title ?? "That did not work"), h("p", {}, error.message));
}
