// What a node of the graph is, beside the graph.
import { read } from "./api.js";
import { ago, clock, count, figure, h, lasting, table, trouble } from "./dom.js";

const DESCRIBED = new Set(["table", "stream", "dimension", "fact", "mart", "query"]);

/** A panel in `page`; `open(node, closed)` fills it, `update()` tells the state anew. `choose` opens another by its id. */
export function panel(page, context, choose) {
  const box = h("aside.panel", { hidden: true, "aria-label": "Details", tabindex: -1 });
  page.append(box);
  let at = null;
  let closed = () => {};
  const state = h("div", {});

  const close = () => {
    if (box.hidden) return;
    box.hidden = true;
    at = null;
    closed();
  };
  const update = () => {
    if (!at) return;
    const lines = facts(at);
    state.replaceChildren(...(lines.length ? [h("dl", {}, lines.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))] : []));
  };
  const open = async (node, whenClosed) => {
    at = node;
    closed = whenClosed;
    const rest = h("div", {});
    box.replaceChildren(
      h("div.row.apart", {}, h(`span.chip.kind-${node.kind}`, {}, node.label), h("button.quiet", { onclick: close }, "Close", h("kbd", {}, "Esc"))),
      h("h1", {}, node.name), h("p.muted", {}, node.description ?? ""), state, rest,
    );
    box.hidden = false;
    box.scrollTop = 0;
    box.focus({ preventScroll: true });
    update();
    if (!DESCRIBED.has(node.kind)) return;
    rest.append(h("div.skeleton", {}));
    try {
      const found = await read(`/models/${encodeURIComponent(node.name)}`);
      if (at === node) rest.replaceChildren(...described(found, node, context, choose));
    } catch (error) {
      if (at === node) rest.replaceChildren(trouble(error));
    }
  };
  return { open, close, update };
}

const behind = (each) => (each.behind ? `${count(each.behind)} behind, for ${lasting(each.seconds)}` : "up to date");

function facts({ kind, status }) {
  if (!status) return [];
  const lines = {
    source: () => [["read", ago(status.polled_at)], ["compared in full", ago(status.reconciled_at)], ["batches", count(status.batches)], ["in the last minute", `${count(status.rows_a_minute)} rows`], ["initial load", status.loading ? "under way" : ""]],
    table: () => (status.rows ? [["in the last minute", `${count(status.rows)} rows`], ["last change", ago(status.at)]] : []),
    stream: () => [["records taken", count(status.end)], ["kept in the log", count(status.records)], ["now", `${figure(status.a_second ?? 0)} a second`], ...(status.readers ?? []).map((each) => [each.name, behind(each)])],
    view: () => [["of the stream", status.stream], ["state", status.state], ["behind", count(status.behind)], ["error", status.error], ["skipped", status.skipped ? count(status.skipped) : ""], ["set aside as late", status.late ? count(status.late) : ""]],
    store: () => [["of the stream", status.stream], ["stored", status.behind === undefined ? "" : behind(status)], ["asked at", `/events/${status.stream}`]],
    publication: () => [["published", ago(status.published_at)], ["refreshes behind", status.behind === null ? "unknown" : count(status.behind)], ["error", status.error]],
  }[kind] ?? (() => [["state", status.state ? `${status.state}${status.error ? `: ${status.error}` : ""}` : ""], ["rows", status.rows === undefined ? "" : count(status.rows)], ["refreshed", status.refreshed_at ? `${ago(status.refreshed_at)} (${clock(status.refreshed_at)} UTC)` : ""]]);
  return lines().filter(([, value]) => value);
}

function described(found, node, context, choose) {
  const parts = [];
  const lines = [["key", found.key.join(", ") + (found.history ? ", every version kept" : "")], ["kept current", found.maintenance],
    ["rows", node.kind === "table" || node.kind === "stream" ? count(found.rows) : ""],
    ["parameters", found.parameters.map(([name, type, value]) => `${name} ${type}${value === null ? "" : ` = ${value}`}`).join(", ")]].filter(([, value]) => value);
  if (lines.length) parts.push(h("dl", {}, lines.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
  const actions = [];
  if (node.kind === "query") actions.push(h("a.button", { href: `/console/dashboards/${node.name}`, "data-page": "" }, "Open the chart"));
  else if (context.may("sql")) actions.push(h("a.button", { href: `/console/sql?sql=${encodeURIComponent(`select *\nfrom ${found.name}\nlimit 100`)}`, "data-page": "" }, "Look at the rows"));
  if (actions.length) parts.push(h("h3", {}, " "), h("div.row", {}, actions));
  const link = (name) => h("button", { onclick: () => choose(idOf(name)) }, name);
  for (const [title, names] of [["Reads", found.inputs], ["Read by", found.dependents]]) {
    if (names.length) parts.push(h("h3", {}, title), h("div.links", {}, names.map(link)));
  }
  if (found.columns.length) {
    const rows = found.columns.map((each) => [h("b", {}, each.name), h("span.mono", {}, each.type.toLowerCase()), h("span", {}, each.upstream.join(", "), each.comment ? h("span.muted", {}, `${each.upstream.length ? " · " : ""}${each.comment}`) : "")]);
    parts.push(h("h3", {}, "Columns"), table(["column", "type", "made from"], rows, `Columns of ${found.name}`));
  }
  return parts;
}

/** The id of the node by a name as `describe` has it. */
function idOf(name) {
  const found = [...document.querySelectorAll(".node")].find((each) => each.dataset.name === name || each.dataset.table === name);
  return found?.dataset.id;
}
