// The form of a new job: asks the server, as one types, what starting the job would come to.

import { showCounting, showTold } from "/static/fields.js";
import { checked } from "/static/sending.js";

const form = document.getElementById("new-job");
const general = document.getElementById("job-problems");
const told = document.getElementById("job-told");
const pause = 300;
let waiting = null;
let asking = null;

function showDefaults(defaults) {
  for (const input of form.querySelectorAll("input[name]")) input.placeholder = defaults[input.name] ?? "";
  for (const select of form.querySelectorAll("select[data-usual]")) {
    const usual = defaults[select.name] || select.dataset.usual;
    select.options[0].text = usual ? `${usual} (by default)` : "by default";
  }
}

function show(answer) {
  const others = showTold(form, "wrong", answer.problems);
  showTold(form, "remarked", answer.remarks);
  general.hidden = !others.length;
  general.textContent = others.join("; ");
  showDefaults(answer.defaults);
  const count = Object.values(answer.problems).flat().length;
  told.textContent = count ? `${count} to mend` : answer.estimate;
}

async function check() {
  asking?.abort();
  const own = new AbortController();
  asking = own;
  try {
    const body = new URLSearchParams(new FormData(form));
    show(await checked(await fetch(`${form.action}/check`, { method: "POST", body, signal: own.signal })));
  } catch (error) {
    if (error.name !== "AbortError") told.textContent = error.message;
  }
}

function changed() {
  showCounting(form);
  clearTimeout(waiting);
  waiting = setTimeout(check, pause);
}

/** Upload a map, and offer it wherever one can be chosen. */
async function uploadMap(input) {
  const [file] = input.files;
  if (!file) return;
  told.textContent = `Sending ${file.name}`;
  try {
    const query = new URLSearchParams({ name: file.name });
    const made = await checked(await fetch(`/api/v1/maps?${query}`, { method: "POST", body: file }));
    for (const select of form.querySelectorAll('[data-refers-to="map"]')) select.append(new Option(made.name, made.id));
    const own = input.closest(".field").querySelector('[data-refers-to="map"]');
    own.querySelector(`option[value="${made.id}"]`).selected = true;
    changed();
  } catch (error) {
    told.textContent = `That did not work: ${error.message}`;
  }
  input.value = "";
}

if (form) {
  form.addEventListener("input", (event) => {
    if (event.target.name) changed();
  });
  for (const input of form.querySelectorAll("[data-uploads-map]")) input.addEventListener("change", () => uploadMap(input));
  showCounting(form);
}
