// Lines between boxes that stand where the layout puts them.
import { s } from "./dom.js";

/** Draw `edges` ({ from, to, begin, end }: ids and elements) behind the boxes in `inner`, and keep them there.
 *  Answers a function that draws anew; it may be given which `from` moves. */
export function wires(inner, edges) {
  const svg = s("svg", { "aria-hidden": "true" });
  inner.prepend(svg);
  const paths = edges.map((edge) => {
    const path = s("path", {});
    Object.assign(path.dataset, { from: edge.from, to: edge.to });
    svg.append(path);
    return { ...edge, path };
  });
  const place = () => {
    if (!inner.isConnected) return;
    const ground = inner.getBoundingClientRect();
    svg.setAttribute("width", inner.scrollWidth);
    svg.setAttribute("height", inner.scrollHeight);
    for (const { begin, end, path } of paths) {
      const [a, b] = [begin.getBoundingClientRect(), end.getBoundingClientRect()];
      path.setAttribute("d", curve(a, b, ground));
    }
  };
  new ResizeObserver(place).observe(inner);
  place();
  return (moving = () => false) => {
    for (const each of paths) each.path.classList.toggle("moving", Boolean(moving(each.from)));
  };
}

function curve(a, b, ground) {
  const forward = b.left >= a.right - 1;
  const backward = a.left >= b.right - 1;
  const [x1, x2] = forward ? [a.right, b.left] : backward ? [a.left, b.right] : [a.right, b.right];
  const [y1, y2] = [a.top + a.height / 2 - ground.top, b.top + b.height / 2 - ground.top];
  const [from, to] = [x1 - ground.left, x2 - ground.left];
  const bend = forward || backward ? (to - from) / 2 : 46;
  const end = forward || backward ? to - bend : to + bend;
  return `M${from} ${y1} C${from + bend} ${y1} ${end} ${y2} ${to} ${y2}`;
}
