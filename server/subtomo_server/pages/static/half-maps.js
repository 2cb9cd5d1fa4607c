// Where, and in which directions, the half maps of a class agree.

import { drawChart, drawDisc } from "/static/chart.js";
import { find, make } from "/static/elements.js";
import { Gallery } from "/static/gallery.js";
import { PAINTS } from "/static/volume.js";

const rgb = (colour) => `rgb(${colour.map((part) => Math.round(255 * part)).join(" ")})`;
const axis = (direction) => `(${direction.map((part) => part.toFixed(2)).join(", ")})`;

/** A bar of colours from a fine resolution to a coarse one. */
function drawScale(root, [low, high]) {
  const bar = make("span", "bar");
  bar.style.background = `linear-gradient(to right, ${PAINTS.map(rgb).join(", ")})`;
  const ends = [low, high].map((value) => make("span", "", `${value.toFixed(1)} Å`));
  root.replaceChildren(ends[0], bar, ends[1]);
  root.hidden = false;
}

function shade(value, [low, high]) {
  const part = Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
  const [from, to] = part < 0.5 ? PAINTS.slice(0, 2) : PAINTS.slice(1);
  const share = part < 0.5 ? 2 * part : 2 * part - 1;
  return rgb(from.map((start, i) => start + share * (to[i] - start)));
}

/** What a form asks for: the class's address, and the fields that are filled in as a query. */
function asked(api, form) {
  const { cls, ...fields } = Object.fromEntries(new FormData(form));
  const filled = Object.entries(fields).filter(([, value]) => value);
  return { place: `${api}/iterations/last/classes/${cls}`, query: `?${new URLSearchParams(filled)}` };
}

/** Ask when a form is sent, say what is wrong, and show what comes. */
function answer(form, told, name, api, show) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { place, query } = asked(api, form);
    told.textContent = "Comparing the half maps…";
    const reply = await fetch(`${place}/${name}${query}`);
    const found = await reply.json();
    told.textContent = reply.ok ? "" : found.detail;
    if (reply.ok) show(found, place, query);
  });
}

function localWords(found) {
  const { 5: fine, 50: middle, 95: coarse } = found.quantiles_angstrom;
  const window = `a window of ${found.window_angstrom.toFixed(0)} Å`;
  if (!found.told_share) return `No resolution is told anywhere within the mask, even as coarse as ${window}.`;
  return `Median ${middle.toFixed(1)} Å, 90 % between ${fine.toFixed(1)} and ${coarse.toFixed(1)} Å, with ${window}. `
    + `It is told at ${(100 * found.told_share).toFixed(0)} % of the voxels within the mask; the others have the coarsest colour.`;
}

export function makeLocalResolution(api) {
  let tile = null;
  answer(find("localise"), find("local-told"), "local_resolution.json", api, (found, place, query) => {
    find("local-told").textContent = localWords(found);
    drawScale(find("local-scale"), found.shown_angstrom);
    tile ||= new Gallery(find("local-map")).add({ title: "Coloured by local resolution", series: 1, picture: false });
    tile.load(`${place}/display.mrc`, `${place}/local_resolution_display.mrc${query}`);
    find("local-link").href = `${place}/local_resolution.mrc${query}`;
    find("local-link").hidden = false;
  });
}

function drawCurves(found) {
  const extent = 1 / found.frequency_per_angstrom[1];
  const last = found.fsc.length - 1;
  const line = (colour, values) => ({ colour, points: values.map((value, shell) => [shell, value]) });
  drawChart(find("directional-curves"), {
    x: [0, last], y: [-0.1, 1], labelX: "resolution (Å)",
    ticksX: [0.25, 0.5, 0.75, 1].map((part) => [part * last, `${(extent / (part * last)).toFixed(0)}`]),
    ticksY: [[0, "0"], [0.5, "0.5"], [1, "1"]], marks: [[found.cutoff, `${found.cutoff}`]],
    series: [
      ...found.curves.map((curve) => line("faint", curve)), line("series-3", found.fsc),
      line("series-1", found.curves[found.finest]), line("series-2", found.curves[found.coarsest]),
    ],
  });
  const entries = [["series-1", "finest", found.finest], ["series-2", "coarsest", found.coarsest]]
    .map(([colour, name, at]) => [colour, `${name}: ${found.resolution_angstrom[at].toFixed(1)} Å along ${axis(found.directions[at])}`]);
  find("directional-legend").replaceChildren(...[...entries, ["series-3", "all components"]].map(([colour, text]) => {
    const entry = make("span", `${colour} row`);
    entry.append(make("span", "dot"), make("span", "", text));
    return entry;
  }));
}

export function makeDirectionalFsc(api) {
  answer(find("direct"), find("directional-told"), "directional_fsc.json", api, (found) => {
    const limits = [found.least_angstrom, found.greatest_angstrom];
    find("directional-told").textContent = `${limits[0].toFixed(1)} to ${limits[1].toFixed(1)} Å, median ${found.median_angstrom.toFixed(1)} Å, `
      + `spread ${found.spread_angstrom.toFixed(1)} Å; sphericity ${found.sphericity.toFixed(2)}, area ratio ${found.area_ratio.toFixed(2)}.`;
    find("directional-warning").textContent = found.warning ?? "";
    find("directional-warning").hidden = !found.warning;
    find("directional-plots").hidden = false;
    drawCurves(found);
    const told = (value, direction) => `${value.toFixed(1)} Å along ${axis(direction)}`;
    drawDisc(find("directional-disc"), found.directions, found.resolution_angstrom, (value) => shade(value, limits), told);
    drawScale(find("directional-scale"), limits);
  });
}
