// The page that compares two averages: moved into one frame, their FSC, and who changed class.

import { drawChart } from "/static/chart.js";
import { find, make } from "/static/elements.js";
import { Gallery } from "/static/gallery.js";

const page = find("compare");
const form = find("choice");
const api = `/api/v1/jobs/${page.dataset.job}/iterations/last`;
const gallery = new Gallery(find("maps"));
const tiles = ["First", "Second, moved"].map((title, index) => gallery.add({ title, series: index + 1, picture: false }));

async function ask(path) {
  const answer = await fetch(api + path, { headers: { accept: "application/json" } });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.detail);
  return found;
}

const chosen = () => form.elements.with.selectedOptions[0];

/** Offer the classes of the job that was chosen; of the same job another class first. */
function offerClasses() {
  const own = chosen().value === page.dataset.job;
  const select = form.elements.with_class;
  select.replaceChildren(...[...Array(Number(chosen().dataset.classes)).keys()].map((index) => make("option", "", String(index + 1))));
  if (own && select.options.length > 1 && form.elements.class.value === "1") select.value = "2";
}

function showFsc(found) {
  const last = found.shells[found.shells.length - 1];
  const extent = found.box * found.voxel_size_angstrom;
  drawChart(find("fsc"), {
    x: [0, last], y: [-0.1, 1], labelX: "resolution (Å)",
    ticksX: [0.25, 0.5, 0.75, 1].map((part) => [part * last, (extent / (part * last)).toFixed(0)]),
    ticksY: [[0, "0"], [0.5, "0.5"], [1, "1"]], marks: [[0.5, "0.5"]],
    series: [{ colour: "series-1", points: found.shells.map((shell, i) => [shell, found.fsc[i]]) }],
  });
}

function words(found) {
  const length = Math.hypot(...found.shift_angstrom);
  const mirrored = found.mirrored ? "; it is the mirror image that fits" : "";
  return `Correlation ${found.correlation.toFixed(3)}; alike down to ${found.resolution_05_angstrom.toFixed(1)} Å (FSC 0.5); the second was turned by ${found.rotation_deg.toFixed(0)}° and moved by ${length.toFixed(0)} Å${mirrored}.`;
}

async function showChanged() {
  const other = chosen();
  const comparable = other.dataset.dataset === page.dataset.dataset && other.value !== page.dataset.job;
  find("classes-changed").hidden = !comparable;
  if (!comparable) return;
  const found = await ask(`/changed.json?with=${other.value}`);
  find("changed-summary").textContent = `${found.changed} of ${found.particles} particles are in another class.`;
  const names = (count) => [...Array(count).keys()].map((k) => (k === count - 1 ? "junk" : `class ${k + 1}`));
  const head = make("tr");
  head.append(make("th"), ...names(found.counts[0].length).map((name) => make("th", "", name)));
  const rows = found.counts.map((row, k) => {
    const line = make("tr");
    const partner = k < found.partner.length ? found.partner[k] : row.length; // junk is last
    line.append(make("th", "", names(found.counts.length)[k]), ...row.map((count, j) => make("td", j + 1 === partner ? "strong" : "", String(count))));
    return line;
  });
  find("changed").replaceChildren(head, ...rows);
}

async function compare() {
  const { class: own, with: other, with_class: cls, mirror } = form.elements;
  const query = new URLSearchParams({ with: other.value, with_class: cls.value, mirror: mirror.checked });
  const place = `/classes/${own.value}`;
  find("told").textContent = "Fitting one onto the other…";
  try {
    const found = await ask(`${place}/compared.json?${query}`);
    find("told").textContent = words(found);
    for (const id of ["found", "curves"]) find(id).hidden = false;
    find("moved").href = `${api}${place}/compared.mrc?${query}`;
    tiles[0].load(`${api}${place}/display.mrc`);
    tiles[1].load(`${api}${place}/compared_display.mrc?${query}`);
    showFsc(found);
    await showChanged();
  } catch (error) {
    find("told").textContent = error.message;
  }
}

form.elements.with.addEventListener("change", offerClasses);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  compare();
});
offerClasses();
