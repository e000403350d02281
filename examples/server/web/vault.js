// Where a login is kept for whoever asked to be remembered: one refresh token, for all tabs.
//
// It is in IndexedDB, which outlives the browser. Whatever script runs on this origin can read it
// there, as it could in localStorage: a hole for foreign scripts (XSS) gives away a login for as
// long as it lasts, not only for as long as the page is open. So the page asks first, its policy
// (CSP) lets no foreign script in, and whoever does not ask to be remembered has both tokens in
// the memory of the tab alone. A service that wants no script to see the token puts a back end of
// its own in between, which keeps the token in an HttpOnly cookie.
//
// Not localStorage: each process of a browser has a copy of that, so that a tab may read a token
// which another tab has just spent. A spent token that comes back ends the login.

/** Of this page, should there be others on its origin. */
export const NAME = `tower-oauth2-password ${new URL(".", location.href).pathname}`;
const STORE = "login";
const KEY = "refresh_token";

function finished(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Runs `use` on the store and comes back when what it did is on the disk. */
async function transact(mode, use) {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await finished(opening);
  try {
    const transaction = database.transaction(STORE, mode, { durability: "strict" });
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    const result = await finished(use(transaction.objectStore(STORE)));
    await done;
    return result;
  } finally {
    database.close();
  }
}

/** Whether this browser can keep a login: the tabs need locks, which are for HTTPS and localhost. */
export const available = Boolean(navigator.locks && globalThis.indexedDB);

/** Runs `work` while no other tab does. */
export const exclusively = (work) => navigator.locks.request(NAME, work);

/** The refresh token, if one is kept. */
export const read = async () =>
  available ? transact("readonly", (store) => store.get(KEY)) : undefined;

export const write = (token) => transact("readwrite", (store) => store.put(token, KEY));

export const remove = () => transact("readwrite", (store) => store.delete(KEY));
