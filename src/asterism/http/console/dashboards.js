// A chart of each query that has a `-- chart:` header, with its parameters as controls. Open, they follow the data.
import { followed, read } from "./api.js";
import { answerTable, h, plural, repeat, trouble } from "./dom.js";
import { draw, pieces } from "./charts.js";

export async function show(page, context, [name]) {
  const queries = (await read("/queries")).items;
  const ORDER = { number: 0, table: 2 };
  const rank = (each) => ORDER[each.chart.kind] ?? 1;
  const charts = queries.filter((each) => each.chart).sort((a, b) => rank(a) - rank(b));
  if (name !== undefined) {
    const query = queries.find((each) => each.name === name);
    page.append(h("div.top", {}, h("div", {}, h("p", {}, h("a", { href: "/console/dashboards", "data-page": "" }, "Dashboards")), h("h1", {}, query ? titleOf(query) : "Nothing here"))));
    if (!query) return page.append(h("div.card.empty", {}, `There is no query ${name}.`));
    return page.append(h("div.alone", {}, card(query, context, new URLSearchParams(location.search), true)));
  }
  page.append(h("div.top", {}, h("div", {}, h("h1", {}, "Dashboards"), h("p", {}, "A chart of each query that says how it is shown. They follow the data while they are open."))));
  if (!charts.length) return page.append(h("div.card.empty", {}, "No query has a chart yet. Add a line like ", h("code", {}, "-- chart: line x=day y=users"), " to its header."));
  page.append(h("div.grid", {}, charts.map((each) => card(each, context, new URLSearchParams(), false))));
}

const words = (name) => (name[0].toUpperCase() + name.slice(1)).replaceAll("_", " ");
const titleOf = (query) => query.chart?.title || words(query.name);

function card(query, context, given, alone) {
  const chart = query.chart ?? { kind: "table", columns: {}, unit: "", title: "" };
  const place = h("div", { "aria-busy": "true" }, h("div.skeleton.plot", {}));
  const form = h("form", { "aria-label": `Parameters of ${titleOf(query)}` });
  const pick = given.get("pick");
  const view = { picked: pick, asTable: false };
  const csv = h("a.button.quiet", { download: `${query.name}.csv` }, "CSV");
  const link = h("a.button.quiet", { "data-page": "" }, alone ? "" : "Open");
  const swap = h("button.quiet", { "aria-pressed": "false" }, "Table");
  const wide = chart.kind === "heat" || chart.kind === "table" || chart.kind === "number";
  const copy = alone ? h("button.quiet", {}, "Copy link") : "";
  const tools = h("div.tools", {}, chart.kind === "table" ? "" : swap, alone ? copy : link, csv);
  const box = h(wide ? "section.card.chart.wide" : "section.card.chart", { "aria-label": titleOf(query) },
    h("header", {}, h("div", {}, alone ? "" : h("h2", {}, titleOf(query)), h("p", {}, query.description)), tools), form, place);
  const controls = query.parameters.map((each) => control(each, given));
  form.append(...controls.map((each) => each.label));
  const picker = h("select", {});
  const pickLabel = h("label", { hidden: true }, chart.columns.pick ? words(chart.columns.pick[0]) : "", picker);
  form.append(pickLabel);
  form.hidden = !controls.length;

  let ask = null;
  let last = null;
  const address = () => {
    const asked = new URLSearchParams();
    for (const each of controls) for (const value of each.values()) asked.append(each.name, value);
    const kept = new URLSearchParams(asked);
    if (view.picked) kept.set("pick", view.picked);
    asked.set("limit", "5000");
    const csvAsked = new URLSearchParams(asked);
    csvAsked.delete("limit");
    csvAsked.set("format", "csv");
    csv.href = `${query.path}?${csvAsked}`;
    link.href = `/console/dashboards/${query.name}${kept.size ? `?${kept}` : ""}`;
    if (alone) history.replaceState(null, "", link.href);
    return `${query.path}?${asked}`;
  };
  const missing = () => controls.filter((each) => each.required && !each.values().length).map((each) => each.name);
  const paint = async () => {
    if (!last) return;
    const { groups, rows } = pieces(chart, last, view.picked);
    pickLabel.hidden = groups.length < 2;
    form.hidden = !controls.length && groups.length < 2;
    if (groups.length) {
      if (!groups.includes(view.picked)) view.picked = groups[0];
      picker.replaceChildren(...groups.map((each) => h("option", { value: each, selected: each === view.picked }, each)));
    }
    place.removeAttribute("aria-busy");
    if (!last.rows.length) return place.replaceChildren(h("p.empty", {}, "No rows yet."));
    if (chart.kind === "table" || view.asTable) {
      const columns = chart.columns.columns ?? last.columns;
      place.replaceChildren(answerTable(view.asTable ? last.columns : columns, rows, titleOf(query)));
    } else {
      await draw(place, chart, last.columns, rows, titleOf(query));
      if (view.asTable) await paint(); // it was asked for while the chart was drawn
    }
  };
  const look = async () => {
    if (missing().length) {
      place.removeAttribute("aria-busy");
      return place.replaceChildren(h("p.empty", {}, `Give ${missing().join(" and ")} to see it.`));
    }
    ask ??= followed(address());
    const mine = ask;
    try {
      const found = await mine();
      if (mine !== ask || !found || JSON.stringify(found) === JSON.stringify(last)) return;
      last = found;
      paint().catch((error) => place.replaceChildren(trouble(error))); // what drawing costs sets no pace
    } catch (error) {
      if (mine !== ask) return;
      last = null;
      ask = null;
      place.removeAttribute("aria-busy");
      place.replaceChildren(trouble(error));
      for (const each of controls) each.mark(error.parameter === each.name);
      throw error;
    }
    for (const each of controls) each.mark(false);
  };
  const changed = () => {
    ask = null;
    last = null;
    address();
    look().catch(() => {});
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  let typing = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(typing);
    if (event.target === picker) {
      view.picked = picker.value;
      address();
      return paint();
    }
    typing = setTimeout(changed, 350);
  });
  swap.addEventListener("click", () => {
    view.asTable = !view.asTable;
    swap.setAttribute("aria-pressed", String(view.asTable));
    paint();
  });
  if (copy) copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(location.href);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy link"; }, 1500);
  });
  const themed = () => {
    if (!box.isConnected) return removeEventListener("theme", themed);
    requestAnimationFrame(paint);
  };
  addEventListener("theme", themed);
  address();
  setTimeout(() => repeat(box, 0.5, look));
  return box;
}

/** A usual value as its control has it: a time of day belongs to a moment. */
const spelled = (value, kind) => (value === null ? "" : kind === "datetime-local" ? `${value.replace(" ", "T")}${value.length === 10 ? "T00:00" : ""}` : value);

/** A parameter as a control: by its type, empty where its default counts. */
function control(parameter, given) {
  const list = parameter.type.endsWith("[]");
  const type = parameter.type.replace("[]", "").toLowerCase().replace(/\(.*/, "").trim();
  const values = given.getAll(parameter.name);
  const literal = /^(?:date |timestamp )?'([^']*)'$|^(-?\d+(?:\.\d+)?)$/i.exec(parameter.default ?? "");
  const usual = literal ? (literal[1] ?? literal[2]) : null;
  const preset = parameter.default === null ? (list ? "one, another" : "required") : parameter.default;
  const open = /^(date|timestamp)/.test(type) && /^(1970|9999)-/.exec(usual ?? "");
  let field;
  if (type === "boolean") {
    field = h("select", {}, ["", "true", "false"].map((each) => h("option", { value: each, selected: values[0] === each }, each || `default: ${preset}`)));
  } else {
    const kind = list ? "text" : { date: "date", timestamp: "datetime-local" }[type] ?? (/int|double|float|real|decimal|numeric/.test(type) ? "number" : "text");
    field = h("input", { type: kind, step: kind === "number" ? "any" : undefined, placeholder: preset, title: `${parameter.type}, default: ${parameter.default ?? "none"}`, value: values.length ? values.join(", ") : open ? "" : spelled(usual, kind) });
  }
  const told = usual === null && parameter.default !== null && type !== "boolean" && !/^(\(|null$)/i.test(parameter.default) && parameter.default.length < 60;
  const label = h("label", {}, words(parameter.name), field, open ? h("small", {}, open[1] === "1970" ? "else from the first on" : "else to the last") : told ? h("small", {}, `else ${parameter.default}`) : "");
  return {
    name: parameter.name,
    required: parameter.default === null,
    label,
    values: () => (list ? field.value.split(",").map((each) => each.trim()) : [field.value]).filter((each) => each !== "" && each !== spelled(usual, field.type)),
    mark: (wrong) => (wrong ? field.setAttribute("aria-invalid", "true") : field.removeAttribute("aria-invalid")),
  };
}
