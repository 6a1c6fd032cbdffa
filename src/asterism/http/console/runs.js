// What was done, and what failed.
import { read } from "./api.js";
import { clock, count, h, lasting, plural, repeat, table, trouble } from "./dom.js";

export async function show(page) {
  let failed = false;
  const choice = h("button", { "aria-pressed": "false" }, "Only failures");
  const lasts = h("div", {});
  const place = h("div.card", { "aria-busy": "true" }, h("div.skeleton", {}));
  page.append(h("div.top", {}, h("div", {}, h("h1", {}, "Runs"), h("p", {}, "The latest steps of work, newest first. Times are UTC.")), choice), lasts, place);
  let last = "";
  const look = async () => {
    try {
      const [found, status] = await Promise.all([read(`/runs?limit=200&failed=${failed}`), read("/status")]);
      lasts.replaceChildren(...status.incidents.map(incident));
      const text = JSON.stringify([failed, found.runs]);
      if (text === last) return;
      last = text;
      place.removeAttribute("aria-busy");
      place.replaceChildren(found.runs.length ? listed(found.runs) : h("p.empty", {}, failed ? "Nothing has failed." : "Nothing has been done yet."));
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

function listed(runs) {
  const number = (name) => ({ name, numeric: true });
  const rows = runs.map((each) => [
    clock(each.started_at),
    h(`span.chip.${each.status === "ok" ? (each.error ? "warn" : "good") : "bad"}`, {}, each.status),
    `${each.verb} ${each.step}`,
    lasting(each.seconds), count(each.removed), count(each.added), each.error ? h("span", {}, each.error) : "",
  ]);
  return table(["at", "", "step", number("took"), number("removed"), number("added"), "error"], rows, plural(runs.length, "run"));
}
