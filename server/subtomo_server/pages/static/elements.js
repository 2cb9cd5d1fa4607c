// Elements of a page: found, and made.

export const find = (id) => document.getElementById(id);

export function make(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
