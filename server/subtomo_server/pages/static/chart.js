// A small line chart in an <svg>: axes, dashed marks, one curve for each series.

const SPACE = { left: 40, right: 12, top: 10, bottom: 34 };
const WIDTH = 460;
const HEIGHT = 250;
const MAP = { width: 300, height: 190 };

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
 * labelX; marks as [[y, label], ...]; series as {colour, points: [[x, y], ...]}, y null where there is no value.
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
  for (const one of series) parts.push(...curve(one, toX, toY, y));
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.replaceChildren(...parts);
}

/** A curve, broken where there is no value; a point where a piece has but one. */
function curve({ colour, points }, toX, toY, y) {
  const inside = (value) => Math.min(Math.max(value, y[0]), y[1]);
  const pieces = [[]];
  for (const [a, b] of points) {
    if (b === null || b === undefined) pieces.push([]);
    else pieces[pieces.length - 1].push([toX(a), toY(inside(b))]);
  }
  return pieces.filter((piece) => piece.length).map((piece) => {
    if (piece.length === 1) return element("circle", { class: `point ${colour}`, r: 3.5, cx: piece[0][0], cy: piece[0][1] });
    const path = piece.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");
    return element("path", { class: `curve ${colour}`, d: path });
  });
}

/** Draw counts on the sphere (rows of cos tilt from 1 to -1, columns of rot from -180 degrees) as shades. */
export function drawMap(svg, counts) {
  const [rows, columns] = [counts.length, counts[0].length];
  const [wide, high] = [(MAP.width - SPACE.left - SPACE.right) / columns, (MAP.height - SPACE.top - SPACE.bottom) / rows];
  const most = Math.max(1, ...counts.flat());
  const parts = counts.flatMap((row, i) => row.map((count, j) => {
    const cell = element("rect", { class: "cell", x: SPACE.left + j * wide, y: SPACE.top + i * high, width: wide, height: high, "fill-opacity": (count / most).toFixed(3) });
    cell.append(element("title", {}, `${count} particles`));
    return cell;
  }));
  for (const rot of [-180, -90, 0, 90, 180]) {
    parts.push(element("text", { x: SPACE.left + ((rot + 180) / 360) * columns * wide, y: MAP.height - SPACE.bottom + 15, "text-anchor": "middle" }, `${rot}°`));
  }
  for (const tilt of [0, 60, 90, 120, 180]) {
    const height = SPACE.top + ((1 - Math.cos((tilt * Math.PI) / 180)) / 2) * rows * high;
    parts.push(element("text", { x: SPACE.left - 7, y: height + 4, "text-anchor": "end" }, `${tilt}°`));
  }
  parts.push(element("text", { x: (MAP.width + SPACE.left) / 2, y: MAP.height - 3, "text-anchor": "middle" }, `rot (tilt upright); strongest: ${most}`));
  svg.setAttribute("viewBox", `0 0 ${MAP.width} ${MAP.height}`);
  svg.replaceChildren(...parts);
}

/**
 * Draw values on a hemisphere of directions [x, y, z], seen from +z, all areas alike (Lambert):
 * x to the right, y up. colour gives the fill of a value, told what to say of it.
 */
export function drawDisc(svg, directions, values, colour, told) {
  const radius = 100;
  const spot = 1.25 * radius / Math.sqrt(directions.length);
  const parts = directions.map(([x, y, z], i) => {
    const across = radius / Math.sqrt(1 + z);
    const cell = element("circle", { cx: (across * x).toFixed(1), cy: (-across * y).toFixed(1), r: spot.toFixed(1), fill: colour(values[i]) });
    cell.append(element("title", {}, told(values[i], directions[i])));
    return cell;
  });
  const rim = radius + spot;
  for (const [name, x, y] of [["x", rim + 9, 4], ["y", 0, -rim - 5]]) {
    parts.push(element("text", { x, y, "text-anchor": "middle" }, name));
  }
  parts.push(element("text", { x: 0, y: 4, "text-anchor": "middle", class: "on-colour" }, "z"));
  svg.setAttribute("viewBox", `${-rim - 20} ${-rim - 20} ${2 * rim + 40} ${2 * rim + 30}`);
  svg.replaceChildren(...parts);
}
