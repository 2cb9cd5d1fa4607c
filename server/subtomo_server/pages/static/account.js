// The new token is copied by one press; where the browser forbids it, it is selected instead.
const button = document.getElementById("copy");
const token = document.getElementById("token");
button?.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(token.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(token);
    button.textContent = "Selected: press Ctrl-C";
  }
});
