// One SELECT: an editor beside the tables, and its answer.
import { ask, keep, read } from "./api.js";
import { answerTable, h, lasting, plural, trouble } from "./dom.js";

const SHOWN = 1000;
const FIRST = "-- One SELECT over these tables. Ctrl+Enter runs it.\n";

export async function show(page, context) {
  page.append(h("div.top", {}, h("div", {}, h("h1", {}, "SQL"), h("p", {}, "One read-only SELECT in DuckDB’s dialect, with limits on rows and time."))));
  if (!context.may("sql")) return page.append(h("div.card.empty", {}, "This is for tokens with the scope ", h("code", {}, "sql"), "."));
  const asked = new URLSearchParams(location.search).get("sql");
  const { box, area, mark } = editor(asked ?? localStorage.getItem("asterism-sql") ?? FIRST);
  const run = h("button.main", {}, "Run", h("kbd", {}, "Ctrl ↵"));
  const csv = h("button", {}, "CSV");
  const said = h("span.muted", { role: "status" }, "");
  const answer = h("div.card", { hidden: true });
  const schema = h("aside.card.schema", { "aria-label": "Tables" }, h("div.skeleton", {}));
  page.append(h("div.sql", {}, schema, h("div.page", {}, box, h("div.row", {}, run, csv, said), answer)));

  let under = null;
  const ready = () => {
    run.replaceChildren("Run", h("kbd", {}, "Ctrl ↵"));
    under = null;
  };
  const go = async () => {
    if (under) return under.abort();
    under = new AbortController();
    mark(0, 0);
    localStorage.setItem("asterism-sql", area.value);
    run.replaceChildren("Stop");
    said.textContent = "Running…";
    const began = performance.now();
    try {
      const response = await ask("/sql", { method: "POST", body: { sql: area.value, limit: SHOWN }, signal: under.signal });
      const found = await response.json();
      const cut = response.headers.get("Asterism-Truncated") === "true";
      said.textContent = `${cut ? "The first " : ""}${plural(found.rows.length, "row")} in ${lasting((performance.now() - began) / 1000)}`;
      answer.hidden = false;
      answer.replaceChildren(found.columns.length && found.rows.length ? answerTable(found.columns, found.rows, "The answer") : h("p.empty", {}, "No rows."));
    } catch (error) {
      said.textContent = error.name === "AbortError" ? "Stopped." : "";
      if (error.name === "AbortError") return;
      answer.hidden = false;
      const where = error.line ? `Line ${error.line}${error.column ? `, column ${error.column}` : ""}` : (error.title ?? "Refused");
      answer.replaceChildren(h("div", { role: "alert" }, h("b.problem", {}, where), h("pre", {}, error.message)));
      if (error.line) mark(error.line, error.column ?? 0);
    } finally {
      ready();
    }
  };
  run.addEventListener("click", go);
  csv.addEventListener("click", async () => {
    try {
      const response = await ask("/sql?format=csv", { method: "POST", body: { sql: area.value } });
      keep(await response.blob(), "answer.csv");
    } catch (error) {
      answer.hidden = false;
      answer.replaceChildren(trouble(error));
    }
  });
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    go();
  });
  if (asked) go();
  try {
    const { tables } = await read("/catalog");
    browse(schema, tables, area);
    const fact = tables.find((each) => each.kind === "fact" && each.columns.length) ?? tables.find((each) => each.columns.length);
    if (area.value === FIRST && fact) {
      area.value += `select *\nfrom ${spelled(fact.name)}\nlimit 100`;
      area.dispatchEvent(new Event("input"));
    }
  } catch (error) {
    schema.replaceChildren(trouble(error));
  }
}

function browse(schema, tables, area) {
  const insert = (text) => {
    area.focus();
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input"));
  };
  const shown = tables.filter((each) => each.columns.length);
  const made = shown.map((each) => h(`details.kind-${each.kind}`, {},
    h("summary", { title: each.description }, h("i", { "aria-hidden": "true" }), spelled(each.name)),
    h("ul", {}, h("li", {}, h("button", { onclick: () => insert(spelled(each.name)) }, "Insert the name")),
      each.columns.map((column) => h("li", {}, h("button", { onclick: () => insert(quoted(column.name)), title: `${column.name} ${column.type}` }, h("span", {}, column.name), h("small", {}, column.type.toLowerCase())))))));
  const find = h("input", { type: "search", placeholder: "Find a table or column", "aria-label": "Find a table or column" });
  find.addEventListener("input", () => {
    const word = find.value.trim().toLowerCase();
    made.forEach((box, place) => {
      const table = shown[place];
      const column = word !== "" && table.columns.some((each) => each.name.toLowerCase().includes(word));
      box.hidden = word !== "" && !column && !table.name.toLowerCase().includes(word);
      box.open = column && word.length > 1;
    });
  });
  schema.replaceChildren(find, ...(made.length ? made : [h("p.empty", {}, "There is no table yet.")]));
}

const quoted = (name) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);
const spelled = (name) => name.split(".").map(quoted).join(".");

const WORDS = new Set(("select from where group by order having limit offset join left right full inner outer cross on using as and or not in is null case when then else end distinct union all except intersect with recursive exists between like ilike asc desc cast over partition qualify window filter values unnest interval date timestamp true false nulls first last rows range lateral").split(" "));
const TOKENS = /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*'?)|("(?:[^"]|"")*"?)|(\b\d+(?:\.\d+)?\b)|([A-Za-z_]\w*)|([\s\S])/g;

/** A text area whose words are coloured by what stands behind it. */
function editor(text) {
  const behind = h("pre", { "aria-hidden": "true" });
  const area = h("textarea", { spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-label": "SQL", value: text });
  let wrong = [0, 0];
  const paint = () => {
    const parts = [];
    let line = 1;
    let column = 1;
    for (const [token, comment, string, , number, word] of area.value.matchAll(TOKENS)) {
      const kind = comment ? "comment" : string ? "text" : number ? "figure" : word && WORDS.has(word.toLowerCase()) ? "word" : "";
      const here = wrong[0] === line && (wrong[1] ? column <= wrong[1] && wrong[1] < column + token.length : token.trim());
      const kinds = [kind, here && token !== "\n" ? "wrong" : ""].filter(Boolean);
      parts.push(kinds.length ? h(["span", ...kinds].join("."), {}, token) : token);
      const lines = token.split("\n");
      line += lines.length - 1;
      column = lines.length > 1 ? lines.at(-1).length + 1 : column + token.length;
    }
    behind.replaceChildren(...parts, "\n");
    area.style.height = "auto";
    area.style.height = `${Math.min(Math.max(area.scrollHeight + 2, 168), 520)}px`;
  };
  area.addEventListener("input", () => {
    wrong = [0, 0];
    paint();
  });
  area.addEventListener("scroll", () => { behind.scrollTop = area.scrollTop; });
  const box = h("div.editor", {}, behind, area);
  requestAnimationFrame(paint);
  return { box, area, mark: (line, column) => { wrong = [line, column]; paint(); } };
}
