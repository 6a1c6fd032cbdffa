// Shows openapi.json, and sends requests to the server that it came from; to no other.
"use strict";

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const pretty = (value) => JSON.stringify(value, null, 2);

const resolve = (schema, components, depth = 0) => {
  if (Array.isArray(schema)) return schema.map((each) => resolve(each, components, depth + 1));
  if (schema === null || typeof schema !== "object" || depth > 12) return schema;
  const name = typeof schema.$ref === "string" ? schema.$ref.split("/").pop() : null;
  if (name && components[name]) return resolve(components[name], components, depth + 1);
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolve(value, components, depth + 1)]));
};

const example = (schema) => {
  if (!schema || typeof schema !== "object") return {};
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const choice = schema.anyOf || schema.oneOf;
  if (choice) return example(choice[0]);
  if (schema.type === "array") return [example(schema.items)];
  if (schema.type === "integer" || schema.type === "number") return 1;
  if (schema.type === "boolean") return true;
  if (schema.type === "string") return schema.format === "date-time" ? new Date().toISOString() : "text";
  const fields = Object.entries(schema.properties || {}).map(([name, field]) => [name, example(field)]);
  return Object.fromEntries(fields);
};

const send = async (method, path, inputs, body, answer) => {
  let url = path;
  const query = new URLSearchParams();
  for (const { parameter, input } of inputs) {
    if (!input.value) continue;
    if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else query.set(parameter.name, input.value);
  }
  const token = document.getElementById("token").value.trim();
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  const address = url.replace(/^\//, "") + (query.size ? `?${query}` : "");
  try {
    const response = await fetch(address, { method, headers, body: body ? body.value : undefined });
    const text = await response.text();
    let shown = text;
    try { shown = pretty(JSON.parse(text)); } catch { /* shown as it is */ }
    answer.textContent = `${response.status} ${response.statusText}\n${shown}`;
  } catch (error) {
    answer.textContent = String(error);
  }
};

const operation = (path, method, described, components) => {
  const section = make("section");
  if (described.description) section.append(make("p", { textContent: described.description }));
  const inputs = (described.parameters || []).filter((each) => each.in !== "header").map((parameter) => {
    const input = make("input", { placeholder: parameter.description || "", required: Boolean(parameter.required) });
    section.append(make("label", { textContent: parameter.name }, input));
    return { parameter, input };
  });
  const schema = described.requestBody?.content?.["application/json"]?.schema;
  let body = null;
  if (schema) {
    const resolved = resolve(schema, components);
    section.append(make("p", { textContent: "Body" }), make("pre", { textContent: pretty(resolved) }));
    body = make("textarea", { value: pretty(example(resolved)), spellcheck: false });
    section.append(body);
  }
  const answer = make("pre", { hidden: true });
  const button = make("button", { textContent: "Send" });
  button.addEventListener("click", () => {
    answer.hidden = false;
    answer.textContent = "…";
    send(method.toUpperCase(), path, inputs, body, answer);
  });
  const codes = Object.entries(described.responses || {}).map(([code, { description }]) => `${code}  ${description || ""}`);
  section.append(make("pre", { textContent: codes.join("\n") }), button, answer);
  const head = make("summary", {}, make("code", { className: "method", textContent: method.toUpperCase() }));
  head.append(make("code", { textContent: path }), make("span", { textContent: described.summary || "" }));
  return make("details", {}, head, section);
};

const show = (api) => {
  document.title = document.getElementById("title").textContent = api.info.title;
  document.getElementById("about").textContent = api.info.description || "";
  const components = api.components?.schemas || {};
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, described] of Object.entries(methods)) {
      if (!described || !described.responses) continue;
      const tag = (described.tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(path, method, described, components));
    }
  }
  const place = document.getElementById("operations");
  for (const [tag, operations] of groups) place.append(make("h2", { textContent: tag }), ...operations);
};

fetch("openapi.json").then((response) => response.json()).then(show).catch((error) => {
  document.getElementById("about").textContent = `openapi.json cannot be read: ${error}`;
});
