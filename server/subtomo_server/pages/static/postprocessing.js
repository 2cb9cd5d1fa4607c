// What is made of a job's averages: sharpened maps with their Guinier plot, and masks.

import { drawChart } from "/static/chart.js";
import { find, make } from "/static/elements.js";
import { Gallery } from "/static/gallery.js";

function drawGuinier(found) {
  const known = found.log_amplitude.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const last = found.inverse_square[found.inverse_square.length - 1];
  const line = (values) => found.inverse_square.map((x, i) => [x, values[i]]);
  const lines = [{ colour: "series-1", points: line(found.log_amplitude) }, { colour: "series-2", points: line(found.log_weighted_amplitude) }];
  if (found.b_factor !== null) {
    const fitted = (x) => found.intercept + (found.b_factor / 4) * x;
    lines.push({ colour: "series-3", points: [0.01, found.resolution_angstrom ** -2].map((x) => [x, fitted(x)]) });
  }
  drawChart(find("guinier"), {
    x: [0, last], y: [low - 0.5, high + 0.5], labelX: "1/d² (Å⁻²)", series: lines,
    ticksX: [0.25, 0.5, 0.75].map((part) => [part * last, `${(part * last).toFixed(4)}`]),
    ticksY: [low, high].map((value) => [value, value.toFixed(1)]),
  });
  find("guinier").closest("figure").hidden = false;
}

function words(found, given) {
  if (given) return `Sharpened by ${given} Å².`;
  if (found.b_factor !== null) return `Sharpened by the plot's B-factor, ${found.b_factor.toFixed(0)} Å².`;
  return `Weighted, not sharpened: at ${found.resolution_angstrom.toFixed(1)} Å the plot tells no B-factor; give one to sharpen.`;
}

export function makeSharpening(api) {
  let tile = null;
  find("sharpen").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { cls, b_factor: given } = event.target.elements;
    const place = `${api}/iterations/last/classes/${cls.value}`;
    const query = given.value ? `?b_factor=${given.value}` : "";
    const answer = await fetch(`${place}/guinier.json`);
    const found = await answer.json();
    find("sharpen-told").textContent = answer.ok ? words(found, given.value) : found.detail;
    if (!answer.ok) return;
    drawGuinier(found);
    tile ||= new Gallery(find("sharpened")).add({ title: "Sharpened", series: 1, picture: false });
    tile.load(`${place}/sharpened_display.mrc${query}`);
    find("sharpened-link").href = `${place}/sharpened.mrc${query}`;
    find("sharpened-link").hidden = false;
  });
}

/** The form takes the level at which a class is shown. */
export function makeMasks(api, tiles) {
  const form = find("draw-mask");
  const takeLevel = () => {
    const tile = tiles[Number(form.elements.cls.value) - 1];
    if (tile.volume) form.elements.level.value = Number(tile.level.input.value).toFixed(2);
  };
  find("mask").addEventListener("toggle", takeLevel);
  form.elements.cls.addEventListener("change", takeLevel);
  tiles.forEach((tile, index) => {
    const link = make("a", "", "Mask at this level…");
    link.href = "#mask";
    link.addEventListener("click", () => {
      form.elements.cls.value = String(index + 1);
      find("mask").open = true;
      takeLevel();
    });
    tile.card.querySelector(".links").append(link);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { cls, name, ...rest } = Object.fromEntries(new FormData(form));
    const numbers = Object.fromEntries(Object.entries(rest).filter(([, text]) => text).map(([key, text]) => [key, Number(text)]));
    const answer = await fetch(`${api}/iterations/last/classes/${cls}/mask`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ name, ...numbers }),
    });
    showMade(await answer.json(), answer.ok);
  });
}

/** Say what was made, and choose it where the job is continued. */
function showMade(found, made) {
  if (!made) {
    find("mask-told").textContent = found.detail;
    return;
  }
  const link = make("a", "", found.name);
  link.href = `/api/v1/maps/${found.id}/map.mrc`;
  const offered = find("masks");
  find("mask-told").replaceChildren("Made: ", link, offered ? ". It is chosen below, where the job is continued." : ".");
  if (!offered) return;
  const option = make("option", "", found.name);
  option.value = found.id;
  offered.append(option);
  option.selected = true;
  find("continue").open = true;
}
