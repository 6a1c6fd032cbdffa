// Asking the server that the page came from, and no other.

/** A refusal, as problem details tell it. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `The server answered ${status}.`);
    this.status = status;
    this.title = problem.title;
    this.line = problem.line;
    this.column = problem.column;
    this.parameter = problem.parameter;
  }
}

/** Ask; answers the Response. Raises Refused. Without a session, the page to log in comes. */
export async function ask(path, { method = "GET", body, headers = {}, signal } = {}) {
  const sent = { "Asterism-Console": "1", ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body), signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { title: "The server does not answer", detail: "It may be starting anew: this page tries again." });
  }
  if (answer.ok || answer.status === 304) return answer;
  if (answer.status === 401) {
    location.reload();
    await new Promise(() => {});
  }
  throw new Refused(answer.status, await answer.json().catch(() => ({})));
}

export const read = async (path, options) => (await ask(path, options)).json();

/** A question whose answer is kept while its ETag stands: answers null where nothing has changed. */
export function followed(path) {
  let tag = "";
  return async () => {
    const answer = await ask(path, { headers: tag ? { "If-None-Match": tag } : {} });
    if (answer.status === 304) return null;
    tag = answer.headers.get("ETag") ?? "";
    return answer.json();
  };
}

/** Let the reader keep bytes as a file. */
export function keep(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
