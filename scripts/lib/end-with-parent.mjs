/**
 * `npm start` runs us below a shell, and npm passes SIGTERM on to that shell alone: it dies, and a server
 * would be left behind, still holding its port. So when npm started us and our parent is gone, we take it
 * as the SIGTERM that was meant for us. (Supervisors do better to run `node scripts/start.mjs` itself.)
 */
const LOOK_EVERY_MS = 250;

export function endWithParent() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(look);
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_EVERY_MS);
  look.unref();
}
