// The platform as a graph, with what flows through it now.
import { read } from "./api.js";
import { ago, asideOf, compact, count, figure, h, moment, lasting, plural, repeat, stands, trouble } from "./dom.js";
import { panel } from "./panel.js";
import { wires } from "./wires.js";

const KINDS = {
  source: "Source", table: "Table", stream: "Stream", dimension: "Dimension", fact: "Fact", mart: "Mart", view: "Live view",
  store: "Stored events", query: "Query", publication: "Publication",
};

export async function show(page, context) {
  const tiles = h("dl.tiles", { "aria-label": "How it stands" });
  const troubles = h("div", { hidden: true });
  const key = h("div.key", { "aria-hidden": "true" });
  const inner = h("div.flow-inner", {}, h("div.skeleton.tall", {}));
  const flow = h("div.card.flow", { role: "region", "aria-label": "What feeds what", tabindex: 0 }, inner);
  page.append(h("div.top", {}, h("div", {}, h("h1", {}, "Platform"), h("p", {}, "What comes in, what it becomes, and what is asked of it.")), key), tiles, troubles, flow);

  let draw = () => {};
  let known = "";
  let nodes = new Map();
  const rates = new Map();
  const side = panel(page, context, (id) => choose(nodes.get(id)));

  const light = (id, graph) => {
    inner.classList.toggle("chosen", Boolean(id));
    const lit = id ? near(id, graph.edges) : new Set();
    for (const [each, node] of nodes) node.button.classList.toggle("lit", lit.has(each));
    for (const path of inner.querySelectorAll("path")) path.classList.toggle("lit", lit.has(path.dataset.from) && lit.has(path.dataset.to));
  };
  const choose = (node) => {
    if (!node) return;
    for (const each of nodes.values()) each.button.setAttribute("aria-pressed", String(each === node));
    side.open(node, () => {
      node.button.setAttribute("aria-pressed", "false");
      node.button.focus();
    });
  };

  const build = (graph) => {
    nodes = new Map();
    const kinds = new Set();
    const layers = graph.layers.map((layer) => h("ul.layer", {}, layer.map((each) => {
      kinds.add(each.kind);
      const said = h("span", {});
      const button = h(`button.node.kind-${each.kind}`, { "aria-pressed": "false", title: each.description || each.name }, h("b", {}, breakable(each.kind === "table" ? each.name.slice(each.name.indexOf(".") + 1) : each.name)), said);
      button.prepend(h("span.unseen", {}, `${KINDS[each.kind]}: `));
      const node = { ...each, label: KINDS[each.kind], button, said, status: null };
      nodes.set(each.id, node);
      Object.assign(button.dataset, { id: each.id, name: each.name, table: each.kind === "stream" ? `streams.${each.name.replaceAll("-", "_")}` : "" });
      button.addEventListener("click", () => choose(node));
      for (const event of ["mouseenter", "focus"]) button.addEventListener(event, () => light(each.id, graph));
      for (const event of ["mouseleave", "blur"]) button.addEventListener(event, () => light(null, graph));
      return h("li", {}, button);
    })));
    inner.replaceChildren(...layers);
    key.replaceChildren(...[...kinds].map((kind) => h(`span.kind-${kind}`, {}, h("i", {}), KINDS[kind])));
    draw = wires(inner, graph.edges.map(({ from, to }) => ({ from, to, begin: nodes.get(from).button, end: nodes.get(to).button })));
  };

  const rate = (id, total) => {
    const now = performance.now() / 1000;
    const before = rates.get(id);
    rates.set(id, { total, at: now });
    return before && now > before.at ? Math.max(0, (total - before.total) / (now - before.at)) : 0;
  };

  const tell = (id, state, text, status, moving = false) => {
    const node = nodes.get(id);
    if (!node) return;
    node.status = status;
    node.moving = moving;
    // What stands behind the point goes where there is no room; it is in the panel too.
    const [first, ...more] = text.split(" · ");
    node.said.replaceChildren(h(`i.dot.${state}`, { "aria-hidden": "true" }), h("span.first", {}, first), more.length ? h("span.more", {}, `· ${more.join(" · ")}`) : "");
  };

  const look = async () => {
    let status;
    try {
      status = await read("/status");
      if (status.server !== known) {
        const graph = await read("/graph");
        build(graph);
        known = status.server;
      }
    } catch (error) {
      troubles.hidden = false;
      troubles.replaceChildren(trouble(error));
      if (!known) inner.replaceChildren();
      throw error;
    }
    const failing = new Map(status.incidents.map((each) => [each.subject, each]));
    const flows = new Map(status.flows.map((each) => [each.table, each]));
    for (const each of status.sources) {
      const rows = status.flows.filter((one) => one.source === each.source).reduce((sum, one) => sum + one.rows, 0);
      const bad = failing.has(`source ${each.source}`) || failing.has(each.source);
      const said = bad ? "failing" : each.loading ? "loading" : `read ${ago(each.polled_at)}`;
      tell(`source:${each.source}`, bad ? "bad" : each.polled_at ? "good" : "warn", said, { ...each, rows_a_minute: rows }, rows > 0);
    }
    for (const [id, node] of nodes) {
      if (node.kind === "table") {
        const found = flows.get(node.name);
        tell(id, "quiet", found ? `${compact(found.rows)} rows a minute` : "quiet", found ?? {}, Boolean(found));
      }
      if (node.kind === "query") {
        node.status ??= {};
        if (!node.said.textContent) node.said.textContent = node.description;
      }
    }
    for (const each of status.streams) {
      const found = stands(each);
      const speed = rate(each.stream, found.end);
      const lag = found.readers.find((reader) => reader.name === "warehouse")?.behind ?? found.behind;
      const text = speed >= 0.1 ? `${figure(speed)} a second` : `${compact(found.end)} ${found.end === 1 ? "record" : "records"}`;
      tell(`stream:${each.stream}`, lag > 10000 ? "warn" : "good", lag > 0 ? `${text} · ${compact(lag)} behind` : text, { ...found, records: each.records, a_second: speed }, speed > 0);
    }
    for (const each of status.models) {
      const good = each.state === "current";
      const lately = moment(each.refreshed_at) && Date.now() - moment(each.refreshed_at) < 5000;
      const text = good ? `${compact(each.rows)} ${each.rows === 1 ? "row" : "rows"} · ${ago(each.refreshed_at).replace(" ago", "")}` : each.state;
      tell(`model:${each.model}`, good ? (failing.has(each.model) ? "warn" : "good") : each.state === "new" ? "warn" : "bad", text, each, lately);
    }
    for (const each of status.views) {
      const stream = status.streams.find((one) => one.stream === each.stream);
      const lag = stream ? (stands(stream).readers.find((reader) => reader.name === `view ${each.view}`)?.behind ?? 0) : 0;
      const bad = each.state === "stopped" || failing.has(`view ${each.view}`);
      tell(`view:${each.view}`, bad ? "bad" : "good", bad ? each.state : lag > 0 ? `${compact(lag)} behind` : "up to date", { ...each, behind: lag });
    }
    for (const each of status.streams) {
      const reader = stands(each).readers.find((one) => one.name === "events");
      const text = !reader ? "nothing yet" : reader.behind > 0 ? `${compact(reader.behind)} behind` : "up to date";
      tell(`store:${each.stream}`, reader ? "good" : "quiet", text, { stream: each.stream, behind: reader?.behind, seconds: reader?.seconds });
    }
    for (const each of status.publications) {
      const behind = each.behind === null ? "unknown" : each.behind ? `${plural(each.behind, "refresh").replace("refreshs", "refreshes")} behind` : "up to date";
      tell(`publication:${each.publication}`, each.error || failing.has(`publication ${each.publication}`) ? "bad" : "good", behind, each);
    }
    summary(tiles, status);
    const lines = [
      ...status.incidents.map((each) => [each.subject, each.fact, each.since, each.remedy]),
      ...status.views.filter((each) => each.error && !failing.has(`view ${each.view}`)).map((each) => [`view ${each.view}`, each.error, each.since, each.stopped_at ? `It stopped at the record ${each.stopped_at}.` : ""]),
      ...status.models.filter((each) => each.error && !failing.has(`model ${each.model}`)).map((each) => [each.model, each.error, each.since, `The model is ${each.state}.`]),
    ];
    troubles.hidden = !lines.length;
    troubles.replaceChildren(...(lines.length ? [told(lines)] : []));
    draw((from) => nodes.get(from)?.moving);
    side.update();
  };
  addEventListener("keydown", (event) => { if (event.key === "Escape") side.close(); });
  const wanted = new URLSearchParams(location.search).get("node");
  let first = true;
  repeat(page, 1.5, async () => {
    await look();
    if (first && wanted) choose([...nodes.values()].find((each) => each.name === wanted));
    first = false;
  });
}

function summary(tiles, status) {
  const rows = status.flows.reduce((sum, each) => sum + each.rows, 0);
  const times = status.models.map((each) => moment(each.refreshed_at)).filter(Boolean).map(Number);
  const latest = times.length ? ago(Math.max(...times) / 1000) : "never";
  const aside = asideOf(status);
  const held = status.models.filter((each) => each.state !== "current");
  const told = new Set(status.incidents.map((each) => each.subject));
  const wrong = status.incidents.length + held.filter((each) => !told.has(`model ${each.model}`)).length;
  const tile = (kind, name, value, more = "") => h(`div.card.tile.${kind}`, {}, h("dt", {}, name), h("dd", {}, value, more ? h("small", {}, ` ${more}`) : ""));
  const fresh = [
    tile(wrong ? "bad" : "good", "Health", wrong ? plural(wrong, "problem") : "All well"),
    tile("plain", "Latest refresh", latest.replace(" ago", ""), latest.includes("ago") ? "ago" : ""),
    tile("plain", "Came in", count(rows), "rows/min"),
    tile("plain", "Models", count(status.models.length), held.length ? `${held.length} not current` : "all current"),
    tile(aside ? "warn" : "plain", "Quarantine", count(aside), aside === 1 ? "record" : "records"),
  ];
  if (tiles.children.length !== fresh.length) tiles.replaceChildren(...fresh);
  else fresh.forEach((each, place) => { if (!tiles.children[place].isEqualNode(each)) tiles.children[place].replaceWith(each); });
}

function told(lines) {
  return h("div.card.trouble", { role: "alert" }, lines.map(([subject, fact, since, remedy]) =>
    h("div", {}, h("b", {}, subject), ` ${since ? `for ${lasting((Date.now() - moment(since)) / 1000)}` : ""}`, h("p", {}, fact), remedy ? h("p.muted", {}, remedy) : "")));
}

/** A name that may be broken behind an underscore, a point or a stroke. */
const breakable = (name) => name.split(/(?<=[_./])/).flatMap((part) => [part, h("wbr", {})]);

/** A node, all that feeds it and all that it feeds. */
function near(id, edges) {
  const found = new Set([id]);
  for (const [of, to] of [["to", "from"], ["from", "to"]]) {
    const open = [id];
    const seen = new Set(open);
    while (open.length) {
      const at = open.pop();
      for (const edge of edges) if (edge[of] === at && !seen.has(edge[to])) { seen.add(edge[to]); open.push(edge[to]); found.add(edge[to]); }
    }
  }
  return found;
}
