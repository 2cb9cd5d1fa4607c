// The classes of a job: each one's average drawn, and what is known of it.

import { make } from "/static/elements.js";
import { isNoise } from "/static/verdict.js";

const FILES = [["map.mrc", "Average (MRC)"], ["map.em", "EM"], ["half1.mrc", "Half 1"], ["half2.mrc", "Half 2"], ["fsc.star", "FSC (STAR)"], ["fsc.xml", "FSC (XML)"]];
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Whether a class (from 0) has less than one of the job's particles. */
export const isEmpty = (metrics, index, particles) => ((metrics.class_shares || [])[index] ?? 0) * particles < 1;

/** Resolution (Å) of a class at FSC 0.143, or null: it is empty, or its halves agree nowhere within the box. */
export function resolved(metrics, index, { particles, extent }, criterion = "0143") {
  const value = (metrics[`resolution_${criterion}_angstrom`] || [])[index];
  return !value || value > 0.99 * extent || isEmpty(metrics, index, particles) ? null : value;
}

function words(metrics, index, job) {
  const share = (metrics.class_shares || [])[index] ?? 0;
  if (isEmpty(metrics, index, job.particles)) return "no particles: this class is empty";
  const told = (value) => (value ? `${value.toFixed(1)} Å` : "not reached");
  const gold = told(resolved(metrics, index, job));
  const half = told(resolved(metrics, index, job, "05"));
  const resolution = isNoise(metrics, index) ? `no resolution: nothing but noise (FSC ${gold} at 0.143)` : `resolution ${gold} at 0.143, ${half} at 0.5`;
  return `${percent(share)} of the particles; ${resolution}${symmetryWords(metrics, index)}`;
}

/** How well the symmetry which was asked for holds; nothing where none was. */
function symmetryWords(metrics, index) {
  const correlation = (metrics.symmetry_correlation || [])[index];
  if (correlation === null || correlation === undefined) return "";
  const imposed = (metrics.symmetrised || [])[index] ? "imposed" : "not imposed yet";
  return `; symmetry holds to ${correlation.toFixed(2)} (${imposed})`;
}

/** Add a card for each class of a job to a gallery. */
export function makeClasses(gallery, job) {
  return [...Array(job.count).keys()].map((index) => {
    const tile = gallery.add({ title: `Class ${index + 1}`, series: index + 1, picture: true });
    const share = make("div", "share");
    share.append(make("span"));
    const links = make("div", "links");
    for (const [file, text] of FILES) {
      const link = make("a", "", text);
      link.href = `${job.api}/iterations/last/classes/${index + 1}/${file}`;
      link.setAttribute("download", "");
      links.append(link);
    }
    tile.card.append(share, make("div", "fine told"), links);
    return tile;
  });
}

/** Show an iteration's averages, and what its metrics say of each. */
export function showClasses(tiles, number, metrics, job) {
  tiles.forEach((tile, index) => {
    const { card } = tile;
    const of = `${job.api}/iterations/${number}/classes/${index + 1}`;
    const empty = isEmpty(metrics, index, job.particles);
    card.classList.toggle("empty", empty);
    if (!tile.volume) tile.picture.src = `${of}/slices.png`;
    if (!empty) tile.load(`${of}/display.mrc`);
    card.querySelector(".share span").style.setProperty("--done", `${100 * ((metrics.class_shares || [])[index] ?? 0)}%`);
    card.querySelector(".told").textContent = words(metrics, index, job);
  });
}
