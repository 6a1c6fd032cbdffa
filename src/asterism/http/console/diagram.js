// Dimensions and facts with their keys, and which refers to which.
import { read } from "./api.js";
import { count, h, plural } from "./dom.js";
import { wires } from "./wires.js";

const LONG = 9;

export async function show(page) {
  const place = h("div.card.flow", { role: "region", "aria-label": "The stars", tabindex: 0 }, h("div.skeleton", {}));
  page.append(h("div.top", {}, h("div", {}, h("h1", {}, "Diagram"), h("p", {}, "Dimensions, facts and marts, their keys, and which refers to which."))), place);
  const models = (await read("/catalog")).tables.filter((each) => ["dimension", "fact", "mart"].includes(each.kind));
  if (!models.length) return place.replaceChildren(h("p.empty", {}, "There is no model yet."));
  const boxes = new Map();
  const edges = models.flatMap((model) => model.references.map(([column, to]) => ({ model: model.name, column, to })));
  const rows = new Map();
  for (const model of models) boxes.set(model.name, entity(model, edges, rows));
  const { groups, rest } = arranged(models, edges);
  const inner = h("div.entities", {}, groups.map((group) => h("div.group", {}, group.map((name) => boxes.get(name)))));
  place.replaceChildren(inner, rest.length ? h("div.beside", {}, rest.map((name) => boxes.get(name))) : "");
  const all = h("button", { "aria-pressed": "false" }, "All columns");
  all.addEventListener("click", () => {
    const whole = all.getAttribute("aria-pressed") === "false";
    all.setAttribute("aria-pressed", String(whole));
    for (const box of boxes.values()) box.classList.toggle("whole", whole);
  });
  if (models.some((each) => each.columns.length > LONG + 1)) page.querySelector(".top").append(all);
  wires(inner, edges.filter((each) => boxes.has(each.to)).map((each) => ({
    from: each.model, to: each.to, begin: rows.get(`${each.model}.${each.column}`) ?? boxes.get(each.model), end: boxes.get(each.to).querySelector("h2"),
  })));
  page.append(h("p.muted.small", {}, `${plural(models.length, "model")}, ${plural(edges.length, "reference")}. PK marks the key, FK what refers to another model’s.`));
}

function entity(model, edges, rows) {
  const refers = new Map(edges.filter((each) => each.model === model.name).map((each) => [each.column, each.to]));
  const important = (column) => model.key.includes(column.name) || refers.has(column.name);
  const columns = [...model.columns].sort((a, b) => important(b) - important(a));
  const most = Math.max(columns.length > LONG + 1 ? LONG : columns.length, columns.filter(important).length);
  const list = h("ul", {}, columns.map((column, place) => {
    const key = model.key.includes(column.name);
    const row = h(["li", key ? "is-key" : "", place >= most ? "more" : ""].filter(Boolean).join("."), {}, h("span", {}, key ? h("abbr", { title: "primary key" }, "PK") : "", refers.has(column.name) ? h("abbr", { title: `refers to ${refers.get(column.name)}` }, "FK") : "", column.name), h("small", {}, column.type.toLowerCase()));
    rows.set(`${model.name}.${column.name}`, row);
    return row;
  }));
  if (columns.length > most) list.append(h("li.rest", {}, h("span.muted", {}, `and ${count(columns.length - most)} more`)));
  return h(`section.entity.kind-${model.kind}`, { "aria-label": `${model.kind} ${model.name}` }, h("h2", { title: model.description }, model.name, h("small", {}, model.kind)), list);
}

/** Facts in the middle, what they refer to on both sides; the rest below. */
function arranged(models, edges) {
  const facts = models.filter((each) => edges.some((edge) => edge.model === each.name)).map((each) => each.name);
  const referred = [...new Set(edges.map((each) => each.to))].filter((name) => !facts.includes(name) && models.some((each) => each.name === name));
  const rest = models.map((each) => each.name).filter((name) => !facts.includes(name) && !referred.includes(name));
  const [left, right] = split(referred, 2);
  return { groups: [left ?? [], facts, right ?? []].filter((each) => each.length), rest };
}

function split(names, parts) {
  const size = Math.ceil(names.length / Math.max(parts, 1));
  return Array.from({ length: parts }, (_, place) => names.slice(place * size, (place + 1) * size)).filter((each) => each.length);
}
