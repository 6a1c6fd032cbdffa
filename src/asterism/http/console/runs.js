// What was done, and what failed.
import { read } from "./api.js";
import { clock, count, h, lasting, plural, repeat, table, trouble } from "./dom.js";

export async function show(page) {
  let failed = false;
  const choice = h("button", { "aria-pressed": "false" }, "Only failures");
  const lasts = h("div", {});
  const place = h("div.card", { "aria-busy": "true" }, h("div.skeleton", {}));
  page.append(h("div.top", {}, h("div", {}, h("h1", {}, "Runs"), h("p", {}, "The latest steps of work, newest first. Times are UTC.")), choice), lasts, place);
  const open = new Set();
  let last = "";
  const look = async () => {
    try {
      const [found, status] = await Promise.all([read(`/runs?limit=200&failed=${failed}`), read("/status")]);
      lasts.replaceChildren(...status.incidents.map(incident));
      const text = JSON.stringify([failed, found.runs]);
      if (text === last) return;
      last = text;
      place.removeAttribute("aria-busy");
      place.replaceChildren(found.runs.length ? listed(found.runs, open) : h("p.empty", {}, failed ? "Nothing has failed." : "Nothing has been done yet."));
    } catch (error) {
      last = "";
      place.replaceChildren(trouble(error));
      throw error;
    }
  };
  choice.addEventListener("click", () => {
    failed = !failed;
    choice.setAttribute("aria-pressed", String(failed));
    look();
  });
  repeat(page, 2, look);
}

function incident(each) {
  return h("div.card.trouble", { role: "alert" }, h("b", {}, each.subject), h("span.muted", {}, ` since ${clock(each.since)}`), h("p", {}, each.fact), h("p.muted", {}, each.remedy));
}

function listed(runs, open) {
  const number = (name) => ({ name, numeric: true });
  const today = clock(Date.now() / 1000).slice(0, 10);
  const rows = runs.map((each) => [
    clock(each.started_at).replace(`${today} `, ""),
    h(`span.chip.${each.status === "ok" ? (each.error ? "warn" : "good") : "bad"}`, {}, each.status),
    step(each, open),
    each.seconds ? lasting(each.seconds) : "", changed(each, "removed"), changed(each, "added"), each.error ? h("span", {}, each.error) : "",
  ]);
  return table(["at", "", "step", number("took"), number("removed"), number("added"), "error"], rows, plural(runs.length, "run"));
}

const changed = (each, what) => (each.removed || each.added ? count(each[what]) : "");

/** What was done; and of what it was made, where the reader asks. What is open stays so when the list is made anew. */
function step(each, open) {
  const name = `${each.verb} ${each.step}`;
  if (!each.parts.length) return name;
  const id = each.run_id || `${each.verb} ${each.step} ${each.started_at}`;
  const parts = h("details.parts", { open: open.has(id) }, h("summary", {}, name), h("dl", {}, each.parts.map(part)));
  parts.addEventListener("toggle", () => (parts.open ? open.add(id) : open.delete(id)));
  return parts;
}

function part(each) {
  const rows = each.removed || each.added ? `+${count(each.added)} −${count(each.removed)}` : "";
  const took = each.seconds === null ? "" : lasting(each.seconds);
  return h("div", {}, h("dt", {}, each.part), h("dd", {}, [took, each.how, rows].filter(Boolean).join(" · ")));
}
