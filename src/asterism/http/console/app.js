// The console's frame: who is there, which page is shown, the theme.
import { ask, read } from "./api.js";
import { asideOf, h, plural, repeat, say, trouble } from "./dom.js";

const PAGES = {
  platform: "Platform", dashboards: "Dashboards", sql: "SQL", live: "Live", quarantine: "Quarantine", runs: "Runs",
  diagram: "Diagram",
};
const main = document.getElementById("main");
const nav = document.getElementById("nav");
const menu = document.getElementById("menu");
let session;
let turn = 0;

/** What a page is given: whether the reader may do something, the path behind the page's name, and its own address. */
const context = {
  may: (scope) => session.scopes.includes(scope) || session.scopes.includes("admin"),
  go,
  get session() { return session; },
};

function place() {
  const parts = location.pathname.split("/").filter(Boolean);
  return parts[0] === "console" ? [parts[1] ?? "platform", parts.slice(2).map(named)] : ["platform", []];
}

function named(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // what nobody encoded
  }
}

async function show() {
  const mine = ++turn;
  const [name, rest] = place();
  const known = name in PAGES;
  for (const link of nav.querySelectorAll("[data-page]")) {
    if (link.dataset.page === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${PAGES[name] ?? "Nothing here"} · ${session.platform}`;
  menu.setAttribute("aria-expanded", "false");
  nav.classList.remove("open");
  if (!known) return main.replaceChildren(h("h1", {}, "Nothing here"), h("p", {}, h("a", { href: "/" }, "To the platform")));
  try {
    const page = await import(`./${name}.js`);
    if (mine !== turn) return;
    const body = h("div.page", {});
    main.replaceChildren(body);
    await page.show(body, context, rest);
  } catch (error) {
    if (mine === turn) main.replaceChildren(h("h1", {}, PAGES[name]), trouble(error));
  }
}

/** Go to a page of the console. */
function go(path) {
  history.pushState(null, "", path);
  show();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-page]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});
addEventListener("popstate", show);
addEventListener("hashchange", () => { if (location.hash.startsWith("#token=")) location.reload(); });
menu.addEventListener("click", () => {
  const open = nav.classList.toggle("open");
  menu.setAttribute("aria-expanded", String(open));
});

const themeButton = document.getElementById("theme");
const THEMES = ["system", "light", "dark"];
const theme = () => document.documentElement.dataset.theme ?? "system";
const tellTheme = () => { themeButton.textContent = `Theme: ${theme()}`; };
themeButton.addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  localStorage.setItem("asterism-theme", next);
  tellTheme();
  dispatchEvent(new Event("theme"));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("theme")));
document.getElementById("leave").addEventListener("click", async () => {
  await ask("/session", { method: "DELETE" }).catch((error) => say(error.message, "bad"));
  location.assign("/");
});

async function count() {
  const found = await read("/status");
  const aside = asideOf(found);
  const badge = document.getElementById("aside");
  badge.hidden = !aside;
  badge.textContent = aside || "";
  badge.title = `${plural(aside, "record")} set aside`;
}

tellTheme();
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  history.replaceState(null, "", location.pathname + location.search); // the token stays in no history
  await ask("/session", { method: "POST", body: { token: given } });
}
session = await read("/session");
document.getElementById("platform").textContent = session.platform;
const stage = document.getElementById("stage");
stage.textContent = session.stage;
stage.classList.toggle("production", session.production);
await show();
repeat(document.body, 5, count);
