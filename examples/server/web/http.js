// Speaks to the server. Every way in which that can fail is one `Trouble`.

/** How long an answer may take, in milliseconds. A login may wait for its turn at hashing. */
const PATIENCE = 20_000;

export class Trouble extends Error {
  /**
   * @param {"refused" | "throttled" | "away" | "other"} kind
   * @param {string} message for the user, where the kind does not say it all
   * @param {number} wait seconds until a new try makes sense
   */
  constructor(kind, message = kind, wait = 0) {
    super(message);
    this.kind = kind;
    this.wait = wait;
  }
}

/** Sends a request and reads the answer to its end. */
async function send(path, init) {
  try {
    const options = { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
    const answer = await fetch(path, { ...init, ...options });
    return [answer, await answer.text()];
  } catch (error) {
    throw new Trouble("away", `no answer: ${error}`);
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** The server, of which `noted` hears each request and its status. */
export class Server {
  #client;
  #noted;

  /** @param {string} client id of a public client, or "" if the server asks for none */
  constructor(client, noted) {
    this.#client = client;
    this.#noted = noted;
  }

  /** Only an answer that says something about the request comes back. */
  async #ask(what, path, init) {
    const sent = send(path, init);
    sent.then(
      ([answer]) => this.#noted(what, answer.status),
      () => this.#noted(what, "no answer"),
    );
    const [{ status, ok, headers }, text] = await sent;
    // Of the two forms of the field the server sends seconds.
    const wait = Number(headers.get("Retry-After")) || 1;
    if (status === 429) throw new Trouble("throttled", "too many requests", wait);
    if (status >= 502 && status <= 504) throw new Trouble("away", `status ${status}`, wait);
    return { status, ok, body: parse(text) };
  }

  #post(path, fields, what) {
    const body = new URLSearchParams(fields);
    if (this.#client) body.set("client_id", this.#client);
    return this.#ask(`POST /${path} (${what})`, path, { method: "POST", body });
  }

  /** Tokens for a password or a refresh token (RFC 6749 §4.3 and §6). */
  async grant(fields) {
    const { status, ok, body } = await this.#post("token", fields, fields.grant_type);
    if (ok) return body;
    if (body.error === "invalid_grant") throw new Trouble("refused");
    const text = body.error_description ?? body.error ?? `status ${status}`;
    throw new Trouble("other", `The server gives no login: ${text}.`);
  }

  /** Ends the login that a token is of (RFC 7009). */
  async revoke(token) {
    const { status, ok } = await this.#post("revoke", { token }, "log out");
    if (!ok) throw new Trouble("other", `The server did not log you out: status ${status}.`);
  }

  /** Calls the API with a token (RFC 6750). */
  call(path, method, token) {
    const headers = { Authorization: `Bearer ${token}` };
    return this.#ask(`${method} /${path}`, path, { method, headers });
  }
}
