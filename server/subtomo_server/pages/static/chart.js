// A small line chart in an <svg>: axes, dashed marks, one curve for each series.

const SPACE = { left: 40, right: 12, top: 10, bottom: 34 };
const WIDTH = 460;
const HEIGHT = 250;

/** Make an SVG element with attributes, and text if there is any. */
function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/**
 * Draw a chart, replacing what was there.
 * options: x and y as [low, high]; ticksX and ticksY as [[value, label], ...];
 * labelX; marks as [[y, label], ...]; series as [[x, y], ...] lists, null where there is no value.
 */
export function drawChart(svg, options) {
  const { x, y, ticksX, ticksY, labelX, marks = [], series } = options;
  const toX = (value) =>
    SPACE.left + ((value - x[0]) / (x[1] - x[0] || 1)) * (WIDTH - SPACE.left - SPACE.right);
  const toY = (value) =>
    HEIGHT - SPACE.bottom - ((value - y[0]) / (y[1] - y[0] || 1)) * (HEIGHT - SPACE.top - SPACE.bottom);
  const parts = [];
  for (const [value, label] of ticksY) {
    parts.push(element("line", { class: "axis", x1: SPACE.left, x2: WIDTH - SPACE.right, y1: toY(value), y2: toY(value) }));
    parts.push(element("text", { x: SPACE.left - 7, y: toY(value) + 4, "text-anchor": "end" }, label));
  }
  for (const [value, label] of ticksX) {
    parts.push(element("text", { x: toX(value), y: HEIGHT - SPACE.bottom + 15, "text-anchor": "middle" }, label));
  }
  parts.push(element("text", { x: (WIDTH + SPACE.left) / 2, y: HEIGHT - 3, "text-anchor": "middle" }, labelX));
  for (const [value, label] of marks) {
    parts.push(element("line", { class: "mark", x1: SPACE.left, x2: WIDTH - SPACE.right, y1: toY(value), y2: toY(value) }));
    parts.push(element("text", { x: WIDTH - SPACE.right, y: toY(value) - 4, "text-anchor": "end" }, label));
  }
  series.forEach((points, index) => parts.push(...curve(points, index, toX, toY, y)));
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.replaceChildren(...parts);
}

function curve(points, index, toX, toY, y) {
  const colour = `series-${(index % 6) + 1}`;
  const inside = (value) => Math.min(Math.max(value, y[0]), y[1]);
  const known = points.filter((point) => point[1] !== null && point[1] !== undefined);
  if (known.length === 1) {
    return [element("circle", { class: `point ${colour}`, r: 3.5, cx: toX(known[0][0]), cy: toY(inside(known[0][1])) })];
  }
  const path = known.map(([a, b], i) => `${i ? "L" : "M"}${toX(a).toFixed(1)} ${toY(inside(b)).toFixed(1)}`).join("");
  return [element("path", { class: `curve ${colour}`, d: path })];
}
