// The page: shows what the session says, and hands it what the user does.

import { Server, Trouble } from "./http.js";
import { Session } from "./session.js";
import { available } from "./vault.js";

const LONGEST_WAIT = 30;
const MOST_REQUESTS = 30;
/** Why somebody is not logged in any more. */
const REASONS = {
  over: "Your login has ended. Please log in again.",
  out: "You are logged out.",
  elsewhere: "You logged out in another tab.",
  everywhere: "You are logged out everywhere.",
};

const find = (id) => document.getElementById(id);
const client = document.querySelector("meta[name=client-id]").content;
const session = new Session(new Server(client, noteRequest));

/** Makes `<li>` of texts, each in a `<span>` of such a class. Never of markup. */
function listItem(parts) {
  const item = document.createElement("li");
  for (const [text, className] of parts) {
    const span = document.createElement("span");
    span.textContent = text;
    span.className = className;
    item.append(span);
  }
  return item;
}

function noteRequest(what, status) {
  const good = status < 400 ? "status" : "status bad";
  const list = find("requests");
  list.prepend(listItem([[what, "what"], [String(status), good]]));
  while (list.children.length > MOST_REQUESTS) list.lastElementChild.remove();
}

/** Sets a text that is read aloud when it changes. */
function say(id, text) {
  if (find(id).textContent !== text) find(id).textContent = text;
}

/** Shows the seconds that are left and comes back at the end, or when `button` is pressed. */
function countDown(seconds, id, button) {
  const end = Date.now() + seconds * 1000;
  return new Promise((resolve) => {
    const stop = () => {
      clearInterval(timer);
      button?.removeEventListener("click", stop);
      find(id).textContent = "";
      resolve();
    };
    const tick = () => {
      const left = Math.ceil((end - Date.now()) / 1000);
      if (left > 0) find(id).textContent = `${left} s`;
      else stop();
    };
    const timer = setInterval(tick, 200);
    button?.addEventListener("click", stop);
    tick();
  });
}

let outage = null;

/** Waits before the next try. All who cannot go on wait together. */
function outlast({ kind, wait }, least) {
  const busy = "There are too many requests. The next one waits.";
  say("away-text", kind === "throttled" ? busy : "The server does not answer. Trying again by itself.");
  find("away").hidden = false;
  outage ??= countDown(Math.max(wait, least), "away-left", find("try-now")).finally(() => {
    outage = null;
  });
  return outage;
}

/** Does `action`; while the server is away again and again, with longer and longer waits. */
async function attempt(action, outlasts = ["away", "throttled"]) {
  for (let wait = 1; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    try {
      const result = await action();
      backAgain();
      return result;
    } catch (trouble) {
      if (!outlasts.includes(trouble.kind)) {
        backAgain();
        throw trouble;
      }
      await outlast(trouble, wait);
    }
  }
}

function backAgain() {
  if (outage) return;
  find("away").hidden = true;
  say("away-text", "");
}

/** Starts `action` for whoever does not wait for its end. */
function start(action) {
  action().catch((trouble) => {
    // Of a login that is over the session has told.
    if (trouble.kind !== "refused") say("notice", String(trouble.message));
  });
}

async function read(path) {
  const { ok, status, body } = await attempt(() => session.call(path));
  if (status === 403) throw new Trouble("other", `You may not read ${path}.`);
  if (!ok) throw new Trouble("other", `The server could not say: status ${status}.`);
  return body;
}

let submitting = false;

function setSubmitting(value) {
  submitting = value;
  // Not `disabled`, which would take the focus away.
  find("submit").setAttribute("aria-disabled", String(value));
}

function showProblem(text) {
  say("problem", text);
  find("password").setAttribute("aria-invalid", String(text !== ""));
}

async function submit(event) {
  event.preventDefault();
  if (submitting) return;
  const { username, password, remember } = event.target.elements;
  setSubmitting(true);
  say("notice", "");
  showProblem("");
  try {
    const logIn = () => session.logIn(username.value, password.value, remember.checked);
    await attempt(logIn, ["away"]);
  } catch (trouble) {
    await explain(trouble, password);
  } finally {
    setSubmitting(false);
  }
}

async function explain(trouble, password) {
  if (trouble.kind === "throttled") {
    showProblem(`Too many tries. You can try again in ${trouble.wait} seconds.`);
    await countDown(trouble.wait, "problem-left");
    showProblem("You can try again now.");
    return;
  }
  showProblem(trouble.kind === "refused" ? "Wrong name or password." : String(trouble.message));
  password.focus();
  password.select();
}

async function showItems() {
  const items = await read("items");
  find("items").replaceChildren(...items.map(({ name }) => listItem([[name, "what"]])));
}

/** What is known of a browser by its `User-Agent`, in short. */
function device(label) {
  const names = [/Edg|OPR|Firefox|Chrome|Safari|curl/, /Android|iPhone|iPad|Windows|Mac OS|Linux/];
  const [browser, system] = names.map((name) => label?.match(name)?.[0]);
  return [browser ?? "Unknown", system].filter(Boolean).join(" on ");
}

async function showLogins() {
  const logins = await read("sessions");
  const describe = ({ label, this_one, created_at }) => {
    const since = new Date(created_at * 1000).toLocaleString();
    const what = device(label) + (this_one ? " (this login)" : "");
    return listItem([[what, "what"], [`since ${since}`, "when"]]);
  };
  find("logins").replaceChildren(...logins.map(describe));
}

function showRenewal() {
  if (!session.active) return;
  const seconds = Math.max(0, Math.floor((session.renewAt - Date.now()) / 1000));
  const minutes = Math.floor(seconds / 60);
  find("renewal").textContent = minutes > 1 ? `in ${minutes} min` : `in ${seconds} s`;
}

async function showAccount() {
  find("scope").textContent = session.scope;
  find("kept").textContent = session.remembered ? "on this device" : "in this tab";
  showRenewal();
  const { username } = await read("me");
  find("who").textContent = username;
  await showLogins();
}

/** One of the two sections, with nothing of the last login in it. */
function show(reason) {
  const inside = session.active;
  for (const id of ["who", "items", "logins"]) find(id).replaceChildren();
  find("login-form").reset();
  showProblem("");
  say("notice", REASONS[reason] ?? "");
  find("login").hidden = inside;
  find("account").hidden = !inside;
  document.title = `${inside ? "Logged in" : "Log in"} · tower-oauth2-password`;
  find(inside ? "hello" : "username").focus();
}

session.addEventListener("change", ({ detail: reason }) => {
  show(reason);
  start(() => attempt(() => session.settle()));
  if (session.active) start(showAccount);
});
session.addEventListener("due", () => start(() => attempt(() => session.keep())));
session.addEventListener("renewed", showRenewal);

find("login-form").addEventListener("submit", submit);
find("show-items").addEventListener("click", () => start(showItems));
find("log-out").addEventListener("click", () => start(() => session.logOut()));
find("log-out-everywhere").addEventListener("click", () =>
  start(() => attempt(() => session.logOutEverywhere())),
);
// A browser that shows the page again as it was when it was left shows what is no longer so.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
setInterval(showRenewal, 1000);

if (!available) {
  find("remember").disabled = true;
  find("remember-help").textContent = "For this the page has to come over HTTPS or from localhost.";
}
start(async () => {
  try {
    await attempt(() => session.restore());
  } finally {
    // Whatever it came to, something is to be seen.
    if (find("login").hidden && find("account").hidden) show();
  }
});
