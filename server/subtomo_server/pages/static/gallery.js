// Maps side by side: the surface and three slices of each, turned and cut together.

import { make } from "/static/elements.js";
import { SurfaceRenderer } from "/static/surface.js";
import { follow, View } from "/static/turning.js";
import { PLANES, drawSlice, readVolume } from "/static/volume.js";

const MOVING_MS = 40; // for a frame of all surfaces while they turn
const STILL_MS = 400;
const LARGEST = 1100; // pixels of a picture's side
const HELP = "Drag, or use the arrow keys, to turn; all turn together. Pinch, + and −, or the wheel on a chosen picture magnify; , and . roll; 0 resets.";

function renderer() {
  try {
    return new SurfaceRenderer();
  } catch {
    return null;
  }
}

/** A colour of the style sheet as [r, g, b], 0 to 1. */
function colourOf(element, name) {
  const text = getComputedStyle(element).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16) / 255);
}

/** What stands at an address, or null: the first picture and what is known remain. */
async function contentOf(url) {
  try {
    const answer = await fetch(url);
    return answer.ok ? await answer.arrayBuffer() : null;
  } catch {
    return null;
  }
}

function slider(label, max, step, value, act) {
  const [row, input] = [make("label", "slider"), make("input")];
  Object.assign(input, { type: "range", min: 0, max, step, value });
  input.addEventListener("input", act);
  const told = make("output", "fine");
  row.append(make("span", "", label), input, told);
  return { row, input, told };
}

function button(text, act) {
  const made = make("button", "", text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

/** One map of a gallery. */
class Tile {
  constructor(gallery, { title, series, picture }) {
    this.gallery = gallery;
    this.card = make("div", `card tile-3d series-${((series - 1) % 6) + 1}`);
    this.head = make("div", "class-head");
    this.head.append(make("span", "dot"), make("span", "strong", title));
    this.surface = make("canvas", "surface");
    this.surface.tabIndex = 0;
    this.surface.setAttribute("role", "img");
    this.surface.setAttribute("aria-label", `Surface of ${title}. ${HELP}`);
    this.level = slider("Level", 1, 0.05, 0, () => gallery.draw([this]));
    this.level.input.setAttribute("aria-label", `Level of ${title} in sigma`);
    this.cuts = PLANES.map((plane) => this.cut(plane, title));
    this.slices = make("div", "cuts");
    this.picture = make("img", "slices");
    this.picture.alt = `Central slices (xy, xz, yz) of ${title}`;
    this.picture.hidden = !picture;
    this.slices.append(...this.cuts.map(({ figure }) => figure));
    this.slices.hidden = true;
    this.card.append(this.head, this.surface, this.level.row, this.picture, this.slices);
    this.show(false);
    follow(this.surface, gallery.view);
  }

  cut(plane, title) {
    const [figure, canvas] = [make("figure"), make("canvas", "cut")];
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Slice ${plane.name} of ${title}`);
    canvas.addEventListener("pointerdown", (event) => {
      const box = canvas.getBoundingClientRect();
      const [right, up] = plane.axes;
      this.gallery.moveTo(right, (event.clientX - box.left) / box.width);
      this.gallery.moveTo(up, 1 - (event.clientY - box.top) / box.height);
    });
    figure.append(canvas, make("figcaption", "fine", `${plane.right} →, ${plane.up} ↑`));
    return { plane, figure, canvas };
  }

  /** Show the volume, or the first picture alone. */
  show(loaded) {
    this.surface.hidden = !(loaded && this.gallery.renderer);
    this.level.row.hidden = this.slices.hidden = !loaded;
    if (loaded) this.picture.hidden = true;
  }

  /** Load a volume when it comes into sight, and one that colours it; null leaves the first picture. */
  load(url, paint = null) {
    [this.wanted, this.wantedPaint] = [url, paint];
    if (this.seen) this.fetch();
  }

  /** Load what colours the volume. */
  async fetchPaint() {
    const url = this.wantedPaint;
    if (url === this.fetchedPaint) return;
    this.fetchedPaint = url;
    const content = url && await contentOf(url);
    if (url !== this.wantedPaint) return;
    if (this.paint && this.gallery.renderer) this.gallery.renderer.forget(this.paint);
    this.paint = content ? readVolume(content) : undefined;
    this.gallery.draw([this]);
  }

  async fetch() {
    if (this.wantedPaint !== undefined) this.fetchPaint();
    const url = this.wanted;
    if (!url || url === this.fetched) return;
    this.fetched = url;
    const content = await contentOf(url);
    if (!content || url !== this.wanted) return;
    const before = this.volume;
    this.volume = readVolume(content);
    if (before && this.gallery.renderer) this.gallery.renderer.forget(before);
    const { greatest, start, flat } = this.volume;
    if (!before || this.level.input.value === this.proposed) {
      this.level.input.max = greatest.toFixed(2);
      this.level.input.value = start;
      this.proposed = this.level.input.value;
    }
    this.show(!flat);
    this.gallery.tellPlace();
    this.gallery.draw([this]);
  }

  draw(milliseconds) {
    const { volume, surface } = this;
    if (!volume || this.slices.hidden) return;
    const level = Number(this.level.input.value);
    this.level.told.textContent = `${level.toFixed(2)} σ`;
    const colour = colourOf(this.card, "--mine");
    const density = volume.mean + level * volume.sigma;
    const place = this.gallery.place.map((part) => Math.min(volume.side - 1, Math.floor(part * volume.side)));
    for (const { plane, canvas } of this.cuts) drawSlice(canvas, volume, plane, place, density, colour, this.paint);
    if (!this.gallery.renderer) return;
    const side = Math.min(LARGEST, Math.round(surface.clientWidth * window.devicePixelRatio)) || 1;
    if (surface.width !== side) surface.width = surface.height = side;
    const { turn, zoom } = this.gallery.view;
    const ground = colourOf(this.card, "--card");
    this.gallery.renderer.draw(surface, volume, { turn, zoom, level, colour, ground, milliseconds, paint: this.paint });
  }
}

/** Maps side by side in an element: a bar of tools, and a tile for each map. */
export class Gallery {
  constructor(root) {
    this.root = root;
    this.renderer = renderer();
    this.tiles = [];
    this.waiting = new Set();
    this.place = [0.5, 0.5, 0.5];
    this.view = new View((moving) => this.draw(this.tiles, moving));
    this.grid = make("div", "grid large");
    this.root.append(this.tools(), this.grid);
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const tile = this.tiles.find(({ card }) => card === target);
        tile.seen = isIntersecting;
        if (isIntersecting) tile.fetch().then(() => this.draw([tile]));
      }
    }, { rootMargin: "200px" });
    const again = () => this.draw(this.tiles);
    window.addEventListener("resize", again);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  }

  tools() {
    const bar = make("div", "tools row");
    this.sliders = ["x", "y", "z"].map((name, axis) => {
      const made = slider(name, 1, 0.001, 0.5, () => this.moveTo(axis, Number(made.input.value)));
      made.input.setAttribute("aria-label", `Slices at ${name}`);
      return made;
    });
    this.whole = button("Whole window", () => this.fill(!this.root.classList.contains("whole-window")));
    const buttons = [button("Save picture", () => this.save()), this.whole];
    if (this.renderer) buttons.unshift(button("Reset view", () => this.reset()));
    const told = this.renderer ? HELP : "This browser has no WebGL2: surfaces cannot be drawn, slices can.";
    bar.append(...this.sliders.map(({ row }) => row), ...buttons, make("p", "fine", told));
    window.addEventListener("keydown", (event) => event.key === "Escape" && this.fill(false));
    return bar;
  }

  reset() {
    this.sliders.forEach((_, axis) => this.moveTo(axis, 0.5));
    this.view.reset();
  }

  /** Cut all slices at a part of the box (0 to 1) along an axis. */
  moveTo(axis, part) {
    this.place[axis] = Math.min(1, Math.max(0, part));
    this.sliders[axis].input.value = this.place[axis];
    this.tellPlace();
    this.draw(this.tiles);
  }

  /** Say where slices lie, in Å from the centre. */
  tellPlace() {
    const known = this.tiles.find(({ volume }) => volume)?.volume;
    if (!known) return;
    const extent = known.side * known.voxelSize;
    this.sliders.forEach(({ told }, axis) => {
      told.textContent = `${((this.place[axis] - 0.5) * extent).toFixed(0)} Å`;
    });
  }

  fill(whole) {
    this.root.classList.toggle("whole-window", whole);
    document.body.classList.toggle("behind", whole);
    this.whole.textContent = whole ? "Leave the whole window (Esc)" : "Whole window";
    this.draw(this.tiles);
  }

  add(options) {
    const tile = new Tile(this, options);
    this.tiles.push(tile);
    this.grid.append(tile.card);
    this.observer.observe(tile.card);
    return tile;
  }

  /** Draw tiles in the next frame; while they move, as fine as there is time for. */
  draw(tiles, moving = false) {
    if (!this.waiting.size) requestAnimationFrame(() => this.drawWaiting());
    for (const tile of tiles) this.waiting.add(tile);
    this.moving = moving;
  }

  drawWaiting() {
    const tiles = [...this.waiting].filter(({ seen }) => seen);
    this.waiting.clear();
    for (const tile of tiles) tile.draw((this.moving ? MOVING_MS : STILL_MS) / tiles.length);
  }

  /** Save what is in sight as one picture: surfaces side by side, or slices where there are none. */
  save() {
    const shown = this.tiles.filter((tile) => tile.seen && tile.volume);
    const parts = shown.flatMap((tile) => (this.renderer ? [tile.surface] : tile.cuts.map(({ canvas }) => canvas)));
    if (!parts.length) return;
    const sheet = make("canvas");
    [sheet.width, sheet.height] = [parts.reduce((sum, part) => sum + part.width, 0), parts[0].height];
    let left = 0;
    for (const part of parts) {
      sheet.getContext("2d").drawImage(part, left, 0);
      left += part.width;
    }
    sheet.toBlob((blob) => {
      const link = make("a");
      link.href = URL.createObjectURL(blob);
      link.download = "averages.png";
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }
}
