// The page of a job: follows its events and keeps everything on it up to date.

import { showAlarm, tellAlarms } from "/static/alarms.js";
import { makeClasses, showClasses } from "/static/classes.js";
import { showDirections, showFsc, showHistory } from "/static/curves.js";
import { find, make } from "/static/elements.js";
import { Gallery } from "/static/gallery.js";
import { makeDirectionalFsc, makeLocalResolution } from "/static/half-maps.js";
import { makeTable } from "/static/particles.js";
import { makeMasks, makeSharpening } from "/static/postprocessing.js";
import { showVerdict } from "/static/verdict.js";

const page = document.getElementById("job");
const total = Number(page.dataset.iterations);
const first = Number(page.dataset.first);
const api = `/api/v1/jobs/${page.dataset.job}`;
const job = {
  api, ask, first, total,
  count: Number(page.dataset.classes),
  particles: Number(page.dataset.particles),
  extent: Number(page.dataset.extent), // of the box, in Å
};
const history = new Map();
const tiles = makeClasses(new Gallery(find("classes")), job);
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
  find("reason").classList.toggle("problem", status === "failed");
  showReason(status);
  // Who may only look has no buttons.
  find("cancel")?.toggleAttribute("hidden", FINAL.has(status));
  for (const part of page.querySelectorAll(".until-the-end")) part.hidden = FINAL.has(status);
  find("resume")?.toggleAttribute("hidden", status !== "failed");
  find("delete")?.toggleAttribute("hidden", !FINAL.has(status));
}

/** The verdict says how a job ended better than its reason; a job that is done needs no progress. */
function showReason(status) {
  const { hidden } = find("verdict");
  find("reason").hidden = !find("reason").textContent || (status === "succeeded" && !hidden);
  find("progress").hidden = status === "succeeded";
}

let asking = false;
let askAgain = false;

/** Ask for the job's state; calls which come while one is under way become one more, for its answer may be older than they are. */
async function refresh() {
  askAgain = true;
  if (asking) return;
  asking = true;
  try {
    while (askAgain) {
      askAgain = false;
      const state = await ask("");
      const { reason, place } = state.queue;
      const waits = reason && (place ? `${reason} (place ${place})` : reason);
      showStatus(state.status, waits || state.status_reason);
      showProgress(state.progress, state.status);
    }
  } finally {
    asking = false;
  }
}

// ---------------------------------------------------------------- results

/** Particles which count in no average; nothing where there are next to none. */
function showJunk(metrics) {
  const share = metrics.junk_share || 0;
  find("junk").hidden = share < 0.0005;
  find("junk").textContent = `${(100 * share).toFixed(1)} % of the particles show none of the classes and count in no average: their probability (_rlnMaxValueProbDistribution in particles.star) is near 0.`;
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
  for (const id of ["results", "curves", "views", "table", "post", "downloads", "continue-link"]) find(id)?.removeAttribute("hidden");
  offerToContinue(number);
  find("last").textContent = number;
  showClasses(tiles, number, metrics, job);
  showJunk(metrics);
  showVerdict(metrics);
  showReason(find("status").querySelector(".chip").dataset.status);
  showHistory(history, job);
  const numbers = [...Array(job.count).keys()];
  showFsc(await Promise.all(numbers.map((k) => ask(`/iterations/${number}/classes/${k + 1}/fsc.json`))), metrics, job);
  await showDirections(number, job, metrics);
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

function showNote(data) {
  find("notes").hidden = false;
  const when = data.iteration === null ? "" : `Iteration ${data.iteration}: `;
  find("note-list").append(make("li", "", when + data.detail));
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

makeTable(api);
makeSharpening(api);
makeMasks(api, tiles);
makeLocalResolution(api);
makeDirectionalFsc(api);
openLinked();
tellAlarms();
if (page.dataset.terminal === "no") {
  follow();
  watchTheQueue();
}
begin();
