// What the averages of a job are worth.

import { find, make } from "/static/elements.js";

const listed = (sentences) => sentences.map((sentence) => make("li", "", sentence));

/** What the averages of the last iteration are worth; nothing before. */
export function showVerdict(metrics) {
  const verdict = metrics.verdict;
  find("verdict").hidden = !verdict;
  if (!verdict) return;
  find("verdict").classList.toggle("problem", verdict.state !== "structure");
  find("verdict-summary").textContent = `Verdict: ${verdict.movement}; ${verdict.summary}.`;
  find("verdict-reasons").replaceChildren(...listed(verdict.reasons));
  find("verdict-advice").hidden = !verdict.advice.length;
  find("verdict-advice").querySelector("ol").replaceChildren(...listed(verdict.advice));
}

/** Whether a class (from 0) was found to hold nothing but noise. */
export const isNoise = (metrics, index) => metrics.verdict?.classes?.[index]?.state === "noise";
