// Streams and live views, as they move.
import { read } from "./api.js";
import { compact, count, figure, h, lasting, moment, repeat, s, shown, stands, trouble } from "./dom.js";

const SAMPLES = 60;
const ROWS = 200;

export async function show(page, context) {
  const place = h("div.page", {});
  page.append(h("div.top", {}, h("div", {}, h("h1", {}, "Live"), h("p", {}, "Streams as records come in, and live views as they change."))), place);
  let status;
  try {
    status = await read("/status");
  } catch (error) {
    return place.append(trouble(error));
  }
  const streams = status.streams.filter((each) => !each.stream.startsWith("_"));
  if (!streams.length) return place.append(h("div.card.empty", {}, "This platform has no stream. ", h("code", {}, "platform.stream(…)"), " declares one."));
  const cards = new Map(streams.map((each) => [each.stream, streamCard(each, context)]));
  const views = status.views.map(viewCard);
  place.append(h("div.halves", {}, [...cards.values()].map((each) => each.card)));
  if (views.length) place.append(h("h2", {}, "Live views"), h("div.halves", {}, views));
  repeat(page, 1, async () => {
    const now = await read("/status");
    for (const each of now.streams) cards.get(each.stream)?.update(each);
  });
}

function streamCard(first, context) {
  const speed = h("b", {});
  const spark = s("svg.spark", { viewBox: `0 0 ${SAMPLES - 1} 100`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const facts = h("dl.facts", {});
  const records = h("ol.records", { "aria-label": `Latest records of ${first.stream}` });
  const card = h("section.card", { "aria-label": `Stream ${first.stream}` },
    h("div.row.apart", {}, h("h2", {}, first.stream), speed), spark, facts, records);
  const samples = Array(SAMPLES).fill(0);
  let before = { end: stands(first).end, at: performance.now() };
  let end = -1;
  const update = async (now) => {
    const at = performance.now();
    const found = stands(now);
    if (at - before.at > 300) {
      samples.push(Math.max(0, ((found.end - before.end) * 1000) / (at - before.at)));
      samples.shift();
      before = { end: found.end, at };
    }
    speed.textContent = `${figure(samples.at(-1))} a second`;
    spark.replaceChildren(...line(samples));
    facts.replaceChildren(...[["taken", count(found.end)], ["kept in the log", count(now.records)],
      ...found.readers.map((each) => [each.name, each.behind > 0 ? `${compact(each.behind)} behind, for ${lasting(each.seconds)}` : "up to date"])]
      .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
    if (found.end !== end && context.may("sql")) {
      end = found.end;
      const latest = await read(`/records/${encodeURIComponent(first.stream)}?limit=6`).catch(() => null);
      if (latest) records.replaceChildren(...latest.items.map((each) => h("li", {}, h("span.muted", {}, moment(each.at).toISOString().slice(11, 19)), h("code", { title: each.id }, JSON.stringify(each.body)))));
    }
  };
  update(first);
  return { card, update };
}

function line(samples) {
  const most = Math.max(1, ...samples);
  const points = samples.map((each, place) => `${place} ${98 - (each / most) * 94}`).join(" L");
  return [s("path.under", { d: `M0 100 L${points} L${samples.length - 1} 100 Z` }), s("path", { d: `M${points}` })];
}

function viewCard(view) {
  const body = h("tbody", {});
  const head = h("tr", {}, h("th", { scope: "col" }, "key"));
  const note = h("p.muted.small", {}, `of ${view.stream}`);
  const made = h("table", {}, h("caption.unseen", {}, `States of ${view.view}`), h("thead", {}, head), body);
  const card = h("section.card", { "aria-label": `View ${view.view}` }, h("div.row.apart", {}, h("h2", {}, view.view), note),
    h("div.scroll", { tabindex: 0, role: "region", "aria-label": `States of ${view.view}` }, made));
  const rows = new Map();
  let columns = [];
  let begun = false;
  const events = new EventSource(`/views/${encodeURIComponent(view.view)}/changes`);
  const key = (each) => JSON.stringify([each.window ?? "", each.key]);
  const heads = (value) => {
    const names = value && typeof value === "object" && !Array.isArray(value) ? Object.keys(value) : [""];
    if (names.join() === columns.join()) return;
    columns = names;
    head.replaceChildren(...["key", ...columns.map((each) => each || "state")].map((each) => h("th", { scope: "col" }, each)));
  };
  const count = () => { note.textContent = `of ${view.stream} · ${rows.size >= ROWS ? `the latest ${ROWS}` : rows.size} ${rows.size === 1 ? "state" : "states"}`; };
  events.addEventListener("message", (event) => {
    if (!card.isConnected) return events.close();
    const each = JSON.parse(event.data);
    heads(each.value);
    const cells = columns.map((name) => h("td", {}, shown(name ? each.value[name] : each.value)));
    const row = h(begun ? "tr.fresh" : "tr", {}, h("th", { scope: "row" }, each.window ? `${each.key} · ${each.window}` : each.key), cells);
    const old = rows.get(key(each));
    if (old && !each.window) old.replaceWith(row);
    else {
      old?.remove();
      if (each.window) body.prepend(row);
      else body.append(row);
    }
    rows.delete(key(each));
    rows.set(key(each), row);
    if (rows.size > ROWS) {
      const [first, gone] = rows.entries().next().value;
      gone.remove();
      rows.delete(first);
    }
    count();
  });
  events.addEventListener("drop", (event) => {
    const name = key(JSON.parse(event.data));
    rows.get(name)?.remove();
    rows.delete(name);
    count();
  });
  setTimeout(() => { begun = true; }, 1500);
  const left = setInterval(() => {
    if (card.isConnected) return;
    events.close();
    clearInterval(left);
  }, 1000);
  return card;
}
