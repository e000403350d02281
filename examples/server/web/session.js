// Who is logged in: gets tokens, renews them in time, ends logins. Knows nothing of the page.
//
// The access token is in the memory of the tab and nowhere else. The refresh token is there too, or
// in the vault, where all tabs share it, if the user asked to be remembered.
//
// A refresh token is good once. If it comes twice, the server takes the second for a thief and ends
// the login. So one tab renews at a time: it puts the new refresh token into the vault before
// anything else, and hands the new access token to the others. A tab that is closed between the
// server's answer and the vault leaves a spent token behind; with `--grace 10` the server gives
// whoever comes with it the same tokens again.

import { Trouble } from "./http.js";
import * as vault from "./vault.js";

/** A token is renewed so long before it runs out, in milliseconds; in a short life the last fifth. */
const MARGIN = 30_000;
/** A longer timer goes off at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Events: `change`, with the reason in its detail, when a login begins or ends; `renewed`; and `due`
 * when it is time for `keep`.
 */
export class Session extends EventTarget {
  #server;
  /** @type {{ token: string, renewAt: number, scope: string } | null} */
  #access = null;
  /** The refresh token of a login that is not remembered. */
  #refresh = null;
  #remembered = false;
  /** @type {Promise<string> | null} */
  #renewing = null;
  #timer;
  /** Tokens of logins that have ended here, of which the server is to be told. */
  #owed = [];
  #channel = new BroadcastChannel(vault.NAME);

  constructor(server) {
    super();
    this.#server = server;
    this.#channel.onmessage = ({ data }) => this.#hear(data);
  }

  get active() {
    return this.#access !== null;
  }

  get remembered() {
    return this.#remembered;
  }

  get scope() {
    return this.#access?.scope ?? "";
  }

  get renewAt() {
    return this.#access?.renewAt;
  }

  /** Goes on with the login that is kept on this device, if there is one. */
  async restore() {
    if (this.active) return;
    this.#remembered = Boolean(await vault.read());
    if (this.#remembered) await this.#renew();
  }

  async logIn(username, password, remember) {
    // If it cannot be read, nothing is spent yet.
    if (remember) await vault.read();
    const tokens = await this.#server.grant({ grant_type: "password", username, password });
    // A server without refresh tokens gives nothing to keep.
    this.#remembered = remember && Boolean(tokens.refresh_token);
    if (this.#remembered) {
      await vault.exclusively(async () => {
        const other = await vault.read();
        if (other) this.#owed.push(other);
        await vault.write(tokens.refresh_token);
      });
    }
    this.#accept(tokens);
  }

  /**
   * Calls the API. A token that is about to run out is renewed first; one that is refused all the
   * same is renewed once, as somebody may have revoked it. Refused again, the login is over.
   */
  async call(path, method = "GET") {
    let token = await this.keep();
    let answer = await this.#server.call(path, method, token);
    if (answer.status === 401) {
      token = await this.#renew(token);
      answer = await this.#server.call(path, method, token);
    }
    if (answer.status === 401) {
      if (this.#remembered) await this.#forget();
      this.#end("over");
      throw new Trouble("refused");
    }
    return answer;
  }

  /** An access token that is not about to run out. */
  async keep() {
    return this.#fresh ?? this.#renew(this.#access?.token);
  }

  /** Ends the login here and in the other tabs. `settle` tells the server. */
  async logOut(reason = "out") {
    const kept = await this.#forget();
    if (kept) this.#owed.push(kept);
    // From here to the end nothing comes in between.
    await this.#renewed();
    this.#owe();
    this.#channel.postMessage({ out: reason });
    this.#end(reason);
  }

  async logOutEverywhere() {
    const { ok, status } = await this.call("logout-everywhere", "POST");
    if (!ok) throw new Trouble("other", `The server did not log you out: status ${status}.`);
    await this.logOut("everywhere");
  }

  /** Tells the server of the logins that have ended here. */
  async settle() {
    while (this.#owed.length > 0) {
      const [token] = this.#owed;
      await this.#server.revoke(token);
      // Perhaps twice at a time, so it is not always the first.
      this.#owed = this.#owed.filter((other) => other !== token);
    }
  }

  get #fresh() {
    return this.#access && Date.now() < this.#access.renewAt ? this.#access.token : null;
  }

  /** An access token that is not `refused`, got once for all who wait in this tab. */
  #renew(refused) {
    this.#renewing ??= this.#renewNow(refused).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /** Comes back when no renewal is under way. */
  async #renewed() {
    while (this.#renewing) await this.#renewing.catch(() => {});
  }

  async #renewNow(refused) {
    try {
      if (!this.#remembered) return this.#accept(await this.#next(this.#refresh));
      return await vault.exclusively(() => this.#renewKept(refused));
    } catch (trouble) {
      if (trouble.kind === "refused") this.#end("over");
      throw trouble;
    }
  }

  /** While no other tab does. Whoever did before may have sent its token. */
  async #renewKept(refused) {
    if (this.#fresh && this.#fresh !== refused) return this.#fresh;
    try {
      const tokens = await this.#next(await vault.read());
      await vault.write(tokens.refresh_token);
      return this.#accept(tokens);
    } catch (trouble) {
      if (trouble.kind === "refused") {
        await vault.remove();
        this.#channel.postMessage({ out: "over" });
      }
      throw trouble;
    }
  }

  async #next(refresh_token) {
    if (!refresh_token) throw new Trouble("refused");
    return this.#server.grant({ grant_type: "refresh_token", refresh_token });
  }

  /** Uses new tokens. A refresh token that is to be remembered is in the vault already. */
  #accept({ access_token, refresh_token, expires_in, scope = "" }) {
    const access = { token: access_token, endsAt: Date.now() + expires_in * 1000, scope };
    if (this.#remembered) this.#channel.postMessage({ access, life: expires_in });
    else this.#refresh = refresh_token ?? null;
    return this.#adopt(access, expires_in);
  }

  #adopt({ token, endsAt, scope }, life) {
    const begins = !this.active;
    // Not all tabs at the same moment: the first one serves them all.
    const margin = Math.min(MARGIN, life * 200) * (1 + Math.random() / 2);
    this.#access = { token, scope, renewAt: endsAt - margin };
    this.#wake();
    this.#tell(begins ? "change" : "renewed", "in");
    return token;
  }

  #wake() {
    clearTimeout(this.#timer);
    const due = () => (this.#fresh ? this.#wake() : this.#tell("due"));
    this.#timer = setTimeout(due, Math.min(this.#access.renewAt - Date.now(), LONGEST_TIMER));
  }

  /** Empties the vault; what was in it. */
  async #forget() {
    if (!vault.available) return undefined;
    return vault.exclusively(async () => {
      const kept = await vault.read();
      await vault.remove();
      return kept;
    });
  }

  /** Notes a login of this tab alone, of which the server is to be told. */
  #owe() {
    const token = this.#refresh ?? this.#access?.token;
    if (token && !this.#remembered) this.#owed.push(token);
  }

  #end(reason) {
    clearTimeout(this.#timer);
    const ends = this.active || this.#remembered;
    this.#access = null;
    this.#refresh = null;
    this.#remembered = false;
    if (ends) this.#tell("change", reason);
  }

  /** What another tab says. A login of this tab alone is renewed, and runs out, by itself. */
  async #hear({ access, life, out }) {
    const alone = this.active && !this.#remembered;
    // A message that comes late starts no login that has ended.
    if (access && !alone && (await vault.read())) {
      this.#remembered = true;
      this.#adopt(access, life);
    }
    if (out && !(alone && out === "over")) {
      await this.#renewed();
      this.#owe();
      this.#end(out === "out" ? "elsewhere" : out);
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
