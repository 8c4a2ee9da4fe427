/** Whether an address says of itself that a transaction pooler is behind it: by PgBouncer's port, or by Prisma's word. */
export const isPoolerAddress = (connectionString = ''): boolean =>
  /:6432(\/|\?|$)|[?&]pgbouncer=true/.test(connectionString);
