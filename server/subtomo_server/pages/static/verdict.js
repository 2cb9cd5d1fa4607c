// What the averages of a job are worth.

import { find, make } from "/static/elements.js";

const listed = (sentences) => sentences.map((sentence) => make("li", "", sentence));

/** What the averages of the last iteration are worth, and what to try next; nothing before. */
export function showVerdict(metrics) {
  const verdict = metrics.verdict;
  find("verdict").hidden = !verdict;
  if (!verdict) return;
  for (const state of ["structure", "noise", "undecided"]) find("verdict").classList.toggle(state, verdict.state === state);
  find("verdict-summary").textContent = `Verdict: ${verdict.movement}; ${verdict.summary}.`;
  find("verdict-reasons").replaceChildren(...listed(verdict.reasons));
  find("verdict-advice").hidden = !verdict.advice.length;
  find("verdict-advice").querySelector("ol").replaceChildren(...listed(verdict.advice));
}

/** Whether a class (from 0) was found to hold nothing but noise. */
export const isNoise = (metrics, index) => metrics.verdict?.classes?.[index]?.state === "noise";
