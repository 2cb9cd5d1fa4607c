// What is wrong with a job without stopping it: each cause once, for all its iterations and classes.

import { find, make } from "/static/elements.js";

const numbersIn = (text) => new Set(text.split(" ").filter(Boolean).map(Number));
const listed = (word, plural, numbers) => `${numbers.size > 1 ? plural : word} ${[...numbers].sort((a, b) => a - b).join(", ")}`;

function tell(item) {
  const { iterations, classes } = item.dataset;
  const parts = [listed("iteration", "iterations", numbersIn(iterations))];
  if (classes) parts.push(listed("class", "classes", numbersIn(classes)));
  const text = parts.join(", ");
  item.querySelector(".when").textContent = `${text[0].toUpperCase()}${text.slice(1)}: `;
}

/** Say when the alarms were raised that the page came with. */
export function tellAlarms() {
  for (const item of find("alarm-list").children) tell(item);
}

/** Show an alarm that was just raised. */
export function showAlarm({ iteration, detail }) {
  find("alarms").hidden = false;
  const [, number, rest] = detail.match(/^class (\d+) (.*:.*)$/) || [null, "", detail];
  const [cause] = rest.split(":");
  let item = [...find("alarm-list").children].find((one) => one.dataset.cause === cause);
  if (!item) {
    item = make("li");
    Object.assign(item.dataset, { cause, iterations: "", classes: "" });
    item.append(make("span", "when"), make("span", "detail"));
    find("alarm-list").append(item);
  }
  item.dataset.iterations += ` ${iteration}`;
  item.dataset.classes += number && ` ${number}`;
  item.querySelector(".detail").textContent = rest;
  tell(item);
}
