/**
 * An extension for `INSTALLED_EXTENSIONS`, to begin one of your own from. Try it with
 *
 *   EXTENSIONS_DIR=./scripts/examples INSTALLED_EXTENSIONS=keep-original-ids
 *
 * All three functions may be left out. An error is logged and changes nothing; what takes longer than five
 * seconds is not waited for. The names of the originals (`on_new_user`, …) work too.
 */

/**
 * Once for everybody who signs in for the first time. Changes of `id`, `username`, `name` and `avatar_url` are
 * kept. Here: people keep the id the Python service knew them by, the MD5 of their proven address, so that
 * what is stored under it in other services stays theirs.
 */
export async function onNewUser(user) {
  if (user.idhash !== null) user.id = user.idhash;
}

/** At every sign-in, the first one too. */
export async function onUserLogin(user) {
  console.log(`${user.username} signed in`);
}

/** When a user token is given back at `/auth/logout`. */
export async function onUserLogout(user) {
  console.log(`${user.username} signed out`);
}
