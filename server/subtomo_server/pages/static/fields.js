// Fields of a form: which of them count, what is wrong with them, and the document they make.

/** Value of a field that counts; empty where there is none of this name. */
export function valueOf(form, name) {
  return form.querySelector(`[name="${name}"]:not(:disabled)`)?.value ?? "";
}

function holds(form, when) {
  return when.split(" ").filter(Boolean).every((one) => {
    const [name, value] = one.split("=");
    return valueOf(form, name) === value;
  });
}

/** Show the fields that the choices made leave, and switch the others off.

    What was typed into a field goes along to the one of the same name under another choice. */
export function showCounting(form) {
  const typed = new Map([...form.querySelectorAll("input[name]:not(:disabled)")].map((input) => [input.name, input.value]));
  for (const field of form.querySelectorAll(".field")) {
    const kinds = field.dataset.kinds;
    const counts = (!kinds || kinds.split(" ").includes(valueOf(form, "algorithm"))) && holds(form, field.dataset.when || "");
    field.hidden = !counts;
    for (const input of field.querySelectorAll("[name]")) {
      if (counts && input.disabled && input.value === "" && input.matches("input")) input.value = typed.get(input.name) ?? "";
      input.disabled = !counts;
    }
  }
  for (const help of form.querySelectorAll("p[data-when]")) help.hidden = !holds(form, help.dataset.when);
}

/** Put sentences to the fields that they are of; returns those of no field. */
export function showTold(form, kind, told) {
  const left = { ...told };
  for (const field of form.querySelectorAll(".field:not([hidden])")) {
    const place = field.querySelector(`.${kind}`);
    if (!place) continue;
    const sentences = told[field.dataset.field] || [];
    delete left[field.dataset.field];
    place.textContent = sentences.join("; ");
    place.hidden = !sentences.length;
    if (kind !== "wrong") continue;
    const input = field.querySelector("[name]");
    if (sentences.length) {
      input?.setAttribute("aria-invalid", "true");
      const folded = field.closest("details");
      if (folded) folded.open = true;
    } else input?.removeAttribute("aria-invalid");
  }
  return Object.values(left).flat();
}

/** What was entered below a group, as an object; nothing where nothing was. */
export function groupOf(form, group) {
  const found = {};
  for (const input of form.querySelectorAll(`[name^="${group}."]:not(:disabled)`)) {
    if (input.value.trim()) found[input.name.slice(group.length + 1)] = input.value.trim();
  }
  return Object.keys(found).length ? found : null;
}

/** The errors of a problem document, by fields: those at a pointer that leads to one. */
export function byField(form, problem) {
  const found = {};
  for (const error of problem.errors || []) {
    const name = (error.pointer || "").split("/").filter(Boolean).join(".");
    const own = [name, `${name}.kind`].find((one) => form.querySelector(`.field:not([hidden])[data-field="${one}"]`)) || "";
    (found[own] ||= []).push(error.detail);
  }
  return found;
}
