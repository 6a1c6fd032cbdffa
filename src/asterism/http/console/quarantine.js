// What was set aside: look at it, let it try again, or let it go.
import { ask, read } from "./api.js";
import { ago, clock, h, plural, say, trouble } from "./dom.js";

const MOST = 500;

export async function show(page, context) {
  page.append(h("div.top", {}, h("div", {}, h("h1", {}, "Quarantine"), h("p", {}, "Records that could not be taken, with the reason and their original bytes. Nothing here is lost."))));
  if (!context.may("admin")) return page.append(h("div.card.empty", {}, "This is for tokens with the scope ", h("code", {}, "admin"), "."));
  const chosen = new Set();
  const list = h("ul.list", {});
  const detail = h("div.card", {});
  const replayAll = h("button", { disabled: true }, "Replay");
  const dropAll = h("button.danger", { disabled: true }, "Drop");
  const all = h("input", { type: "checkbox", "aria-label": "Choose all" });
  const said = h("span.muted", {}, "");
  const left = h("div.card.flush", {}, h("div.row.apart", {}, h("label.row", {}, all, said), h("div.row", {}, replayAll, dropAll)), list);
  const master = h("div.master", {}, left, detail);
  const place = h("div", {});
  page.append(place);
  let items = [];
  let at = "";

  const tell = () => {
    said.textContent = chosen.size ? `${chosen.size} chosen` : plural(items.length, "record") + (items.length === MOST ? " or more" : "");
    replayAll.disabled = dropAll.disabled = !chosen.size;
    all.checked = items.length > 0 && chosen.size === items.length;
  };

  const load = async () => {
    try {
      items = (await read(`/quarantine?limit=${MOST}`)).items;
    } catch (error) {
      return place.replaceChildren(error.status === 404 ? h("div.card.empty", {}, "This platform takes in no records that could be set aside.") : trouble(error));
    }
    for (const id of [...chosen]) if (!items.some((each) => each.id === id)) chosen.delete(id);
    if (!items.length) return place.replaceChildren(h("div.card.empty", {}, "Nothing is set aside: every record that came could be taken."));
    if (master.parentNode !== place) place.replaceChildren(master);
    list.replaceChildren(...items.map(line));
    tell();
    open(items.find((each) => each.id === at) ?? items[0]);
  };

  const line = (each) => {
    const box = h("input", { type: "checkbox", checked: chosen.has(each.id), "aria-label": `Choose ${each.stream}: ${each.reason}` });
    box.addEventListener("change", () => {
      if (box.checked) chosen.add(each.id);
      else chosen.delete(each.id);
      tell();
    });
    const button = h("button", { "aria-pressed": "false", onclick: () => open(each) }, h("b", {}, each.reason), h("small", {}, `${each.stream} · ${each.place} · ${ago(each.at)}`));
    button.dataset.id = each.id;
    return h("li", {}, box, button);
  };

  const open = (each) => {
    at = each.id;
    for (const button of list.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.id === at));
    const facts = [["stream", each.stream], ["refused by", each.place], ["set aside", `${clock(each.at)} UTC`], ["record", each.record_id || "without an id"], ["id", each.id]];
    detail.replaceChildren(
      h("h2", {}, each.reason),
      h("dl.facts", {}, facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      h("h3", {}, each.encoding === "base64" ? "Original bytes (not text: in hexadecimal)" : "Original bytes"),
      h("pre.bytes", { tabindex: 0, role: "region", "aria-label": "Original bytes" }, each.encoding === "base64" ? hexadecimal(each.body) : pretty(each.body)),
      h("h3", {}, " "),
      h("div.row", {},
        h("button.main", { onclick: () => replay([each.id]) }, "Replay"),
        h("button.danger", { onclick: () => drop([each.id]) }, "Drop…"),
        h("span.muted.small", {}, "A replay tries again by the declarations as they are now.")),
    );
  };

  const replay = async (ids) => {
    let taken = 0;
    let reason = "";
    for (const id of ids) {
      try {
        const done = await read(`/quarantine/${encodeURIComponent(id)}/replay`, { method: "POST" });
        taken += done.taken.length;
        reason = done.refused[0]?.reason ?? reason;
      } catch (error) {
        reason = error.message;
      }
    }
    if (taken) say(`${plural(taken, "record")} taken.`);
    if (reason) say(`${plural(ids.length - taken, "record")} refused again: ${reason}`, "bad");
    await load();
  };

  const drop = (ids) => {
    const dialog = h("dialog", { "aria-labelledby": "drop-title" },
      h("h2", { id: "drop-title" }, `Drop ${plural(ids.length, "record")} for good?`),
      h("p.muted", {}, "Nothing of it is kept, in the log, the lake or the warehouse."),
      h("form.row", { method: "dialog" }, h("button", { value: "keep" }, "Keep"), h("button.danger", { value: "drop" }, "Drop")));
    page.append(dialog);
    dialog.addEventListener("close", async () => {
      dialog.remove();
      if (dialog.returnValue !== "drop") return;
      try {
        for (const id of ids) await ask(`/quarantine/${encodeURIComponent(id)}`, { method: "DELETE" });
        say(`${plural(ids.length, "record")} dropped.`);
      } catch (error) {
        say(error.message, "bad");
      }
      await load();
    });
    dialog.showModal();
  };

  all.addEventListener("change", () => {
    for (const each of items) if (all.checked) chosen.add(each.id); else chosen.delete(each.id);
    for (const box of list.querySelectorAll("input")) box.checked = all.checked;
    tell();
  });
  replayAll.addEventListener("click", () => replay([...chosen]));
  dropAll.addEventListener("click", () => drop([...chosen]));
  place.append(h("div.card", {}, h("div.skeleton", {})));
  await load();
}

/** JSON in lines, with every figure and name as it came. */
function pretty(text) {
  if (text.length > 20000) return text;
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  const parts = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g);
  let said = "";
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  for (const [place, part] of parts.entries()) {
    const empty = "{[".includes(parts[place - 1] ?? " ");
    if ("}]".includes(part)) {
      depth -= 1;
      said += empty ? part : line() + part;
    } else {
      if (empty || parts[place - 1] === ",") said += line();
      said += part === ":" ? ": " : part;
      if ("{[".includes(part)) depth += 1;
    }
  }
  return said;
}

function hexadecimal(body) {
  const bytes = Uint8Array.from(atob(body), (each) => each.charCodeAt(0));
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, 4096); at += 16) {
    const part = [...bytes.slice(at, at + 16)];
    const codes = part.map((each) => each.toString(16).padStart(2, "0")).join(" ").padEnd(47);
    const letters = part.map((each) => (each > 31 && each < 127 ? String.fromCharCode(each) : "·")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${codes}  ${letters}`);
  }
  return lines.join("\n");
}
