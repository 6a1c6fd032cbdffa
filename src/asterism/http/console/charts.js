// Charts, by Plotly's script, which is loaded with the first of them.
import { count, figure, h, isFigure } from "./dom.js";

const DATED = /^\d{4}-\d\d-\d\d/;
const COLOURS = ["#4f6bed", "#e0803a", "#2fa37a", "#c8508a", "#8a63d2", "#2b9db8", "#c2a22b", "#d1495b", "#7a8aa0", "#6ba539"];
const LONGEST = 40; // characters of a bar's name; a pointer shows all
const LARGEST = 1e100; // a figure from which on it is drawn by its power of ten: what is reckoned with it must not overflow
const ENDLESS = /^(nan|[+-]?inf(inity)?)$/i;
const words = (name) => name.replaceAll("_", " ");
let loading = null;

function plotly() {
  loading ??= load();
  return loading;
}

async function load() {
  // The policy of our pages lets no script make styles. Plotly writes its rules into a sheet of this name where there is
  // one, and leaves those for maps, which we do not draw, where an element of their name stands.
  const sheet = Object.assign(document.createElement("link"), { id: "plotly.js-style-global", rel: "stylesheet", href: new URL("plots.css", import.meta.url).href });
  const maps = Object.assign(document.createElement("meta"), { id: "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53" });
  const script = Object.assign(document.createElement("script"), { src: document.querySelector('meta[name="plotly"]').content });
  const there = (element) => new Promise((resolve, reject) => {
    element.addEventListener("load", resolve);
    element.addEventListener("error", () => reject(new Error("The charts’ script cannot be loaded.")));
    document.head.append(element);
  });
  document.head.append(maps);
  await there(sheet);
  await there(script);
  return globalThis.Plotly;
}

/** The values of the column to pick from, and the rows of the one that is picked. */
export function pieces(chart, answer, picked) {
  const [column] = chart.columns.pick ?? [];
  if (!column) return { groups: [], rows: answer.rows };
  const groups = [...new Set(answer.rows.map((row) => String(row[column] ?? "unknown")))];
  const chosen = groups.includes(picked) ? picked : groups[0];
  return { groups, rows: answer.rows.filter((row) => String(row[column] ?? "unknown") === chosen) };
}

/** Draw rows into `place`. */
export async function draw(place, chart, columns, rows, title) {
  if (chart.kind === "number") return place.replaceChildren(numbers(chart, columns, rows[0]));
  const library = await plotly();
  let plot = place.querySelector(".js-plot");
  if (!plot) {
    plot = h("div.plot.js-plot", { role: "img" });
    place.replaceChildren(plot);
  }
  plot.setAttribute("aria-label", `${chart.kind} chart: ${title}, ${rows.length} rows. “Table” shows its figures.`);
  const look = colours();
  const lying = isLying(chart, rows);
  const power = powerOf(chart, rows);
  const data = chart.kind === "heat" ? heat(chart, rows, look, power) : traces(chart, rows, lying, power);
  await library.react(plot, data, layout(chart, data, rows, look, lying, power), { displayModeBar: false, responsive: true, doubleClick: "reset" });
}

function numbers(chart, columns, row) {
  const names = chart.columns.value ?? columns;
  return h("dl.numbers", {}, names.map((name) => h("div", {}, h("dt", {}, words(name)), h("dd", {}, said(row[name], chart.unit)))));
}

function said(value, unit) {
  if (value === null || value === undefined) return "–";
  if (!isFigure(value)) return String(value);
  if (unit === "%") return `${figure(Number(value) * 100)} %`;
  return `${Number.isInteger(Number(value)) ? count(Number(value)) : figure(Number(value))}${unit ? ` ${unit}` : ""}`;
}

/** A value as it is drawn, in units of a power of ten: a gap where it is none, or without end. */
const valueOf = (value, power = 0) => (isFigure(value) ? drawn(Number(value), power) : ENDLESS.test(value) ? null : value);
const drawn = (value, power) => (Number.isFinite(value) ? (power ? value / 10 ** power : value) : null);

/** The power of ten by which the largest figures are drawn; 0: as they are. */
function powerOf(chart, rows) {
  const names = chart.columns[chart.kind === "heat" ? "value" : "y"];
  let most = 0;
  for (const row of rows) for (const name of names) most = Math.max(most, isFigure(row[name]) ? Math.abs(row[name]) : 0);
  return most >= LARGEST ? Math.floor(Math.log10(most)) : 0;
}

const times = (power) => (power ? `E${power}` : "");
/** A text of the data's, for a library that takes some tags for its own. */
const plain = (value) => (typeof value === "string" ? value.replaceAll("&", "&amp;").replaceAll("<", "&lt;") : value);
const short = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);
const placeOf = (chart, row) => {
  const names = chart.columns.x;
  const value = names.length > 1 ? names.map((name) => row[name] ?? "").join(" ") : row[names[0]];
  return value ?? "unknown";
};

/** Whether bars lie, so that their long names can be read. */
function isLying(chart, rows) {
  if (chart.kind !== "bar" && chart.kind !== "stacked") return false;
  const names = rows.map((row) => String(placeOf(chart, row)));
  return names.length < 60 && names.some((each) => each.length > 9) && !names.some((each) => DATED.test(each));
}

function traces(chart, rows, lying, power) {
  const [series] = chart.columns.series ?? [];
  const groups = series ? [...new Set(rows.map((row) => row[series]))] : [null];
  const found = [];
  for (const group of groups) {
    const mine = series ? rows.filter((row) => row[series] === group) : rows;
    for (const y of chart.columns.y) {
      const name = series ? `${group ?? "unknown"}${chart.columns.y.length > 1 ? ` ${words(y)}` : ""}` : words(y);
      const colour = COLOURS[found.length % COLOURS.length];
      const common = { name: plain(name), x: mine.map((row) => plain(placeOf(chart, row))), y: mine.map((row) => valueOf(row[y], power)) };
      found.push(chart.kind === "line"
        ? { ...common, type: "scatter", mode: mine.length > 60 ? "lines" : "lines+markers", line: { color: colour, width: 2.2, shape: "linear" }, marker: { size: 5, color: colour } }
        : { ...common, ...(lying ? { x: common.y, y: common.x, orientation: "h" } : {}), type: "bar", marker: { color: colour } });
    }
  }
  return found;
}

function heat(chart, rows, look, power) {
  const [x] = chart.columns.x;
  const [y] = chart.columns.y;
  const [value] = chart.columns.value;
  const xs = [...new Set(rows.map((row) => row[x]))];
  if (xs.every((each) => isFigure(each))) xs.sort((a, b) => a - b);
  const ys = [...new Set(rows.map((row) => row[y]))];
  if (ys.every((each) => isFigure(each))) ys.sort((a, b) => a - b);
  const cells = new Map(rows.map((row) => [JSON.stringify([row[x], row[y]]), valueOf(row[value], power)]));
  const z = ys.map((down) => xs.map((across) => cells.get(JSON.stringify([across, down])) ?? null));
  return [{
    type: "heatmap", x: xs.map(String).map(plain), y: ys.map(String).map(plain), z, xgap: 2, ygap: 2, colorscale: look.scale, hoverongaps: false,
    showscale: false,
    hovertemplate: `${words(x)} %{x}, %{y}: <b>%{z}${times(power)}</b><extra></extra>`,
  }];
}

function layout(chart, data, rows, look, lying, power) {
  const axis = { gridcolor: look.line, zerolinecolor: look.line, linecolor: look.line, tickfont: { color: look.muted, size: 11 }, automargin: true, fixedrange: false };
  const dates = chart.kind !== "heat" && rows.length > 0 && DATED.test(String(placeOf(chart, rows[rows.length - 1])));
  const whole = dates && /^\d{4}-\d\d-\d\d$/.test(String(placeOf(chart, rows[rows.length - 1])));
  const several = data.length > 1;
  const suffix = `${times(power)}${chart.unit && chart.unit !== "%" ? ` ${chart.unit}` : ""}`;
  const figures = chart.kind === "heat" ? { ...axis, type: "category", autorange: "reversed" } : { ...axis, tickformat: chart.unit === "%" ? ".0%" : undefined, ticksuffix: suffix, rangemode: "tozero", autorange: true };
  const names = { ...axis, showgrid: false, type: chart.kind === "heat" ? "category" : dates ? "date" : "category", ...(whole ? { tickformat: "%-d %b\n%Y" } : {}), ...(chart.kind === "heat" ? { title: { text: words(chart.columns.x[0]), font: { color: look.muted, size: 12 } } } : {}) };
  const places = lying ? [...new Set(rows.map((row) => String(placeOf(chart, row))))] : [];
  const ticks = lying ? { tickvals: places.map(plain), ticktext: places.map((each) => plain(short(each))) } : {};
  return {
    autosize: true,
    margin: { l: 8, r: 8, t: several || chart.kind === "heat" ? 34 : 10, b: 8 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { family: "system-ui, sans-serif", size: 12, color: look.text },
    colorway: COLOURS,
    barmode: chart.kind === "stacked" ? "stack" : "group",
    bargap: new Set(rows.map((row) => placeOf(chart, row))).size < 4 && chart.kind !== "heat" ? 0.6 : 0.25,
    hovermode: chart.kind === "heat" ? "closest" : lying ? "y unified" : "x unified",
    hoverlabel: { bgcolor: look.surface, bordercolor: look.line, font: { color: look.text } },
    showlegend: several,
    annotations: chart.kind === "heat" ? scale(data[0].z, chart, look, power) : [],
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: look.text, size: 12 } },
    xaxis: lying ? figures : names,
    yaxis: lying ? { ...names, ...ticks, autorange: "reversed" } : figures,
  };
}

/** What light and dark mean. */
function scale(z, chart, look, power) {
  const known = z.flat().filter((each) => typeof each === "number");
  if (!known.length) return [];
  const [light, strong] = [Math.min(...known), Math.max(...known)].map((each) => `${figure(each)}${times(power)}`);
  const text = `${words(chart.columns.value[0])}: light ${light}, strong ${strong}`;
  return [{ text, xref: "paper", yref: "paper", x: 1, y: 1, xanchor: "right", yanchor: "bottom", showarrow: false, font: { size: 11, color: look.muted } }];
}

/** The theme's colours, as they count now. */
function colours() {
  const probe = h("span", { hidden: true });
  document.body.append(probe);
  const of = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const found = { text: of("text"), muted: of("muted"), line: of("line"), surface: of("surface"), scale: [[0, of("raised")], [1, of("accent")]] };
  probe.remove();
  return found;
}
