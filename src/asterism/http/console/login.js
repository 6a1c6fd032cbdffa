// Logging in: by the token behind a link's #, or by one that is typed.
const form = document.getElementById("form");
const field = document.getElementById("token");
const problem = document.getElementById("problem");

async function show(token) {
  problem.textContent = "";
  const headers = { "Content-Type": "application/json", "Asterism-Console": "1" };
  try {
    const answer = await fetch("/session", { method: "POST", headers, body: JSON.stringify({ token }) });
    if (answer.ok) return location.replace(location.pathname + location.search);
    problem.textContent = (await answer.json()).detail ?? "The server refused.";
  } catch {
    problem.textContent = "The server does not answer. Is `asterism run` at work?";
  }
  field.setAttribute("aria-invalid", "true");
  field.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  show(field.value.trim());
});
// A link that is followed from this page itself changes what is behind the # and nothing else.
addEventListener("hashchange", () => location.reload());
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  history.replaceState(null, "", location.pathname + location.search); // the token stays in no history
  show(given);
} else {
  field.focus();
}
