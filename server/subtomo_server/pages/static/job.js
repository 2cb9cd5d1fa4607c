// The page of a job: follows its events and keeps everything on it up to date.

import { drawChart } from "/static/chart.js";
import { find, make } from "/static/elements.js";
import { isNoise, showVerdict } from "/static/verdict.js";

const page = document.getElementById("job");
const { job, classes: classCount, iterations: iterationCount } = page.dataset;
const count = Number(classCount);
const total = Number(iterationCount);
const first = Number(page.dataset.first);
const api = `/api/v1/jobs/${job}`;
const history = new Map();
const FINAL = new Set(["succeeded", "failed", "cancelled"]);
const WORDS = { draft: "being written", queued: "waiting", running: "running", cancelling: "stopping", succeeded: "done", failed: "failed", cancelled: "cancelled" };

async function ask(path) {
  const answer = await fetch(api + path, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

// ---------------------------------------------------------------- progress

function makeSteps() {
  const steps = find("steps");
  steps.classList.toggle("dense", total - first > 60);
  for (let number = first; number <= total; number += 1) {
    const step = make("span");
    step.title = number ? `iteration ${number}` : "survey (iteration 0)";
    steps.append(step);
  }
}

function showProgress(progress, status) {
  const steps = find("steps");
  const within = progress.particles ? progress.particles_done / progress.particles : 0;
  [...steps.children].forEach((step, index) => {
    const number = first + index;
    const done = number < progress.iteration ? 1 : number === progress.iteration ? within : 0;
    step.style.setProperty("--done", done);
  });
  steps.setAttribute("aria-valuenow", Math.round(100 * progress.fraction));
  const name = progress.iteration ? `Iteration ${progress.iteration} of ${progress.iterations}` : "Survey (iteration 0)";
  const busy = !FINAL.has(status);
  find("where").textContent = busy ? `${name}: ${progress.particles_done} of ${progress.particles} particles` : name;
  const left = progress.eta_seconds;
  find("left").textContent = busy && left !== null ? `about ${duration(left)} left` : `${Math.round(100 * progress.fraction)} %`;
}

function showStatus(status, reason) {
  const chip = make("span", `chip ${status}`, WORDS[status] || status);
  chip.dataset.status = status;
  find("status").replaceChildren(chip);
  find("reason").textContent = reason || "";
  find("reason").hidden = !reason;
  // Who may only look has no buttons.
  find("cancel")?.toggleAttribute("hidden", FINAL.has(status));
  for (const part of page.querySelectorAll(".until-the-end")) part.hidden = FINAL.has(status);
  find("resume")?.toggleAttribute("hidden", status !== "failed");
  find("delete")?.toggleAttribute("hidden", !FINAL.has(status));
}

let asked = false;

/** Ask for the job's state; calls which come while one is under way become one. */
async function refresh() {
  if (asked) return;
  asked = true;
  try {
    const state = await ask("");
    const { reason, place } = state.queue;
    const waits = reason && (place ? `${reason} (place ${place})` : reason);
    showStatus(state.status, waits || state.status_reason);
    showProgress(state.progress, state.status);
  } finally {
    asked = false;
  }
}

// ---------------------------------------------------------------- results

function makeClasses() {
  for (let k = 1; k <= count; k += 1) {
    const card = make("div", `card series-${((k - 1) % 6) + 1}`);
    const head = make("div", "class-head");
    head.append(make("span", "dot"), make("span", "strong", `Class ${k}`));
    const picture = make("img", "slices");
    picture.alt = `Central slices (xy, xz, yz) of class ${k}`;
    const share = make("div", "share");
    share.append(make("span"));
    const links = make("div", "links");
    for (const [file, text] of [["map.mrc", "Average (MRC)"], ["half1.mrc", "Half 1"], ["half2.mrc", "Half 2"], ["fsc.star", "FSC (STAR)"], ["fsc.xml", "FSC (XML)"]]) {
      const link = make("a", "", text);
      link.href = `${api}/iterations/last/classes/${k}/${file}`;
      link.setAttribute("download", "");
      links.append(link);
    }
    card.append(head, picture, share, make("div", "fine told"), links);
    find("classes").append(card);
  }
}

const angstrom = (value) => (value ? `${value.toFixed(1)} Å` : "not reached");

/** How well the symmetry which was asked for holds; nothing where none was. */
function symmetryWords(metrics, index) {
  const correlation = (metrics.symmetry_correlation || [])[index];
  if (correlation === null || correlation === undefined) return "";
  const imposed = (metrics.symmetrised || [])[index] ? "imposed" : "not imposed yet";
  return `; symmetry holds to ${correlation.toFixed(2)} (${imposed})`;
}

function showClasses(number, metrics) {
  [...find("classes").children].forEach((card, index) => {
    const share = (metrics.class_shares || [])[index] ?? 0;
    card.querySelector("img").src = `${api}/iterations/${number}/classes/${index + 1}/slices.png`;
    card.querySelector(".share span").style.setProperty("--done", `${100 * share}%`);
    const half = angstrom((metrics.resolution_05_angstrom || [])[index]);
    const gold = angstrom((metrics.resolution_0143_angstrom || [])[index]);
    const symmetric = symmetryWords(metrics, index);
    const resolution = isNoise(metrics, index) ? `no resolution: nothing but noise (FSC ${gold} at 0.143)` : `resolution ${gold} at 0.143, ${half} at 0.5`;
    card.querySelector(".told").textContent = `${(100 * share).toFixed(1)} % of the particles; ${resolution}${symmetric}`;
  });
}

/** Particles which count in no average; nothing where there are next to none. */
function showJunk(metrics) {
  const share = metrics.junk_share || 0;
  find("junk").hidden = share < 0.0005;
  find("junk").textContent = `${(100 * share).toFixed(1)} % of the particles show none of the classes and count in no average: their probability (_rlnMaxValueProbDistribution in particles.star) is near 0.`;
}

/** Name the curves of the only class; with more classes the colours are theirs. */
function showLegend(names) {
  find("fsc-legend").replaceChildren(...names.map((name, index) => {
    const entry = make("span", `series-${index + 1} row`);
    entry.append(make("span", "dot"), make("span", "", name.replace("_", " ")));
    return entry;
  }));
}

async function showCurves(number) {
  const numbers = [...Array(count).keys()];
  const curves = await Promise.all(numbers.map((k) => ask(`/iterations/${number}/classes/${k + 1}/fsc.json`)));
  const shells = curves[0].shells;
  const extent = curves[0].box * curves[0].voxel_size_angstrom;
  const last = shells[shells.length - 1];
  const ticks = [0.25, 0.5, 0.75, 1].map((part) => [part * last, `${(extent / (part * last)).toFixed(0)}`]);
  const shared = curves[0].shared_angstrom;
  find("fsc-kind").textContent = `(${curves[0].kind}${shared ? `, beyond ${shared.toFixed(0)} Å` : ""}, corrected for the mask)`;
  const parts = count === 1 ? ["unmasked", "masked", "phase_randomised"] : [];
  showLegend(parts.length ? ["corrected", ...parts] : []);
  drawChart(find("fsc"), {
    x: [0, last], y: [-0.1, 1], ticksX: ticks, labelX: "resolution (Å)",
    ticksY: [[0, "0"], [0.5, "0.5"], [1, "1"]], marks: [[0.143, "0.143"]],
    series: [...curves.map((curve) => curve.fsc), ...parts.map((part) => curves[0].curves[part])]
      .map((values) => shells.map((shell, i) => [shell, values[i]])),
  });
}

function showHistory() {
  const rows = [...history.entries()].sort((a, b) => a[0] - b[0]);
  const values = (index) => rows.map(([number, metrics]) => [number, (metrics.resolution_0143_angstrom || [])[index]]);
  const series = [...Array(count).keys()].map(values);
  const known = series.flat().map((point) => point[1]).filter(Boolean);
  const low = Math.min(...known, 1e9);
  const high = Math.max(...known, 0);
  if (!known.length) return;
  const pad = Math.max(0.08 * (high - low), 1);
  const range = [Math.max(0, low - pad), high + pad];
  const steps = [0, 0.5, 1].map((part) => range[0] + part * (range[1] - range[0]));
  const every = Math.max(1, Math.ceil(total / 10));
  const ticks = [...Array(total + 1).keys()].filter((number) => number % every === 0);
  drawChart(find("resolution"), {
    x: [0, total], y: range, ticksX: ticks.map((number) => [number, String(number)]), labelX: "iteration",
    ticksY: steps.map((value) => [value, value.toFixed(value < 10 ? 1 : 0)]), series,
  });
}

/** The matrices of all pairs: before anything is aligned, and after. */
function showPairs(number) {
  if (!find("pairs")) return;
  find("pairs").hidden = false;
  find("unaligned").src = `${api}/iterations/0/dissimilarity.png`;
  find("aligned").hidden = number === 0;
  if (number > 0) find("aligned").src = `${api}/iterations/${number}/dissimilarity.png`;
}

async function showIteration(number, metrics) {
  history.set(number, metrics);
  showPairs(number);
  for (const id of ["results", "curves", "continue-link"]) find(id)?.removeAttribute("hidden");
  offerToContinue(number);
  find("last").textContent = number;
  showClasses(number, metrics);
  showJunk(metrics);
  showVerdict(metrics);
  showHistory();
  await showCurves(number);
}

/** Add an iteration to those from which another job can go on. */
function offerToContinue(number) {
  const form = find("continue");
  if (!form) return;
  form.hidden = false;
  const choice = form.querySelector('select[name="from"]');
  if ([...choice.options].some((option) => option.value === String(number))) return;
  const newest = choice.options[0]?.selected ?? true;
  choice.prepend(new Option(number, number, false, newest));
}

function showAlarm(data) {
  find("alarms").hidden = false;
  find("alarm-list").append(make("li", "", `Iteration ${data.iteration}: ${data.detail}`));
}

function showNote(data) {
  find("notes").hidden = false;
  const when = data.iteration === null ? "" : `Iteration ${data.iteration}: `;
  find("notes").append(make("li", "", when + data.detail));
}

// ---------------------------------------------------------------- events

function follow() {
  const source = new EventSource(`${api}/events?cursor=${page.dataset.event}`);
  const on = (kind, act) =>
    source.addEventListener(kind, (event) => {
      const told = JSON.parse(event.data);
      act(told.data);
    });
  on("progress", (data) => showProgress(data, "running"));
  on("iteration", (data) => {
    showIteration(data.iteration, data.metrics);
    refresh();
  });
  on("note", showNote);
  on("alarm", showAlarm);
  on("status", (data) => {
    showStatus(data.status, data.reason);
    if (FINAL.has(data.status)) source.close();
    refresh();
  });
  window.addEventListener("pagehide", () => source.close());
}

async function begin() {
  makeSteps();
  makeClasses();
  const { items } = await ask("/iterations");
  for (const item of items) history.set(item.number, item.metrics);
  const last = items[items.length - 1];
  if (last) await showIteration(last.number, last.metrics);
  await refresh();
}

/** A link to something folded away opens it. */
function openLinked() {
  for (const link of page.querySelectorAll('a[href^="#"]')) {
    link.addEventListener("click", () => {
      const target = find(link.getAttribute("href").slice(1));
      if (target) target.open = true;
    });
  }
  const named = window.location.hash && find(window.location.hash.slice(1));
  if (named && "open" in named) named.open = true;
}

/** While the job waits nothing happens to it, but its place in the queue changes. */
function watchTheQueue() {
  const looking = setInterval(() => {
    const chip = find("status").querySelector(".chip");
    if (FINAL.has(chip.dataset.status)) clearInterval(looking);
    else if (chip.dataset.status === "queued") refresh();
  }, 3000);
}

openLinked();
if (page.dataset.terminal === "no") {
  follow();
  watchTheQueue();
}
begin();
