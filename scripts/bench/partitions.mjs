/**
 * Two ways to be rid of ended rows on PostgreSQL, measured: batches from one table, as Postern does it, and a table
 * partitioned by the time at which rows end, whose partitions are dropped. `node scripts/bench/partitions.mjs [rows]`
 */
import { createHash, randomInt } from 'node:crypto';
import pg from 'pg';
import { enter } from '../lib/front-door.mjs';
import { OneLine } from '../lib/one-line.mjs';
import { median } from './report.mjs';
import { startPostgres } from './postgres.mjs';

const HOURS = 24;
const PARTITIONS = 48;
const TURNS = 10;
const A_TURN = 200;
const BATCH = 1_000;
/** A transaction that somebody else has open, milliseconds. */
const OPEN_MS = 1_000;

const SPAN = HOURS * 3_600_000;
const COLUMNS = `key text NOT NULL, kind text NOT NULL, grant_key text, client_id text, expires_at bigint NOT NULL, payload text NOT NULL`;
const TABLES = {
  batches: [
    'CREATE TABLE batches',
    [`(${COLUMNS}, PRIMARY KEY (key))`, 'CREATE INDEX ON batches (expires_at)'],
  ],
  partitions: [
    'CREATE TABLE partitions',
    [
      `(${COLUMNS}) PARTITION BY RANGE (expires_at)`,
      ...Array.from({ length: PARTITIONS + 1 }, (_, part) => {
        const from = (SPAN / PARTITIONS) * part;
        return `CREATE TABLE part_${part} PARTITION OF partitions FOR VALUES FROM (${from}) TO (${from + SPAN / PARTITIONS})`;
      }),
      // Unique it cannot be: that would need the expiry in it.
      'CREATE INDEX ON partitions (key)',
    ],
  ],
};

const say = (text) => process.stderr.write(`${text}\n`);
const since = (began) => performance.now() - began;

async function timed(work) {
  const began = performance.now();
  await work();
  return since(began);
}

async function open(url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

async function fill(client, rows) {
  for (const [name, [create, [first, ...rest]]] of Object.entries(TABLES)) {
    say(`${rows} rows into ${name} ...`);
    await client.query(`${create} ${first}`);
    for (const statement of rest) await client.query(statement);
    await client.query(
      `INSERT INTO ${name} SELECT md5(i::text), 'AccessToken', md5('g' || i), 'some client', i::bigint * ${SPAN} / ${rows + 1}, repeat(md5(i::text), 8)
       FROM generate_series(1, ${rows}) i`,
    );
    await client.query(`ANALYZE ${name}`);
  }
}

const read = (client, name, key) =>
  client.query({ name: `read ${name}`, text: `SELECT payload FROM ${name} WHERE key = $1`, values: [key] });

let inserted = 0;
const insert = (client, name) => {
  inserted += 1;
  const values = [`new ${inserted}`, randomInt(SPAN / 2, SPAN)];
  const text = `INSERT INTO ${name} VALUES ($1, 'AccessToken', NULL, NULL, $2, 'x')`;
  return client.query({ name: `insert ${name}`, text, values });
};

/** Milliseconds of one read and one insert in either table: medians, taken in turns. */
async function single(client, keyOf) {
  const found = Object.fromEntries(Object.keys(TABLES).map((name) => [name, { read: [], insert: [] }]));
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const [name, times] of Object.entries(found)) {
      for (let one = 0; one < A_TURN; one += 1) {
        times.read.push(await timed(() => read(client, name, keyOf())));
        times.insert.push(await timed(() => insert(client, name)));
      }
    }
  }
  return Object.fromEntries(
    Object.entries(found).map(([name, times]) => [
      name,
      { read: median(times.read), insert: median(times.insert) },
    ]),
  );
}

/** What `work` answers, and how long a reader waits at most meanwhile. */
async function beside(url, name, keyOf, work) {
  const reader = await open(url);
  let on = true;
  let longest = 0;
  const reading = (async () => {
    while (on) longest = Math.max(longest, await timed(() => read(reader, name, keyOf())));
  })();
  try {
    const took = await work();
    return { took, longest };
  } finally {
    on = false;
    await reading;
    await reader.end();
  }
}

async function pruneInBatches(client) {
  const text = `DELETE FROM batches WHERE key IN (SELECT key FROM batches WHERE expires_at < $1 LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`;
  for (;;) {
    const { rowCount } = await client.query({ name: 'prune', text, values: [SPAN / PARTITIONS] });
    if (rowCount < BATCH) return;
  }
}

/** How long it takes while a transaction is open that has read from the table. */
async function withReaderOpen(url, name, work) {
  const other = await open(url);
  await other.query('BEGIN');
  await read(other, name, 'whatever');
  const ended = new Promise((resolve) => setTimeout(resolve, OPEN_MS)).then(() => other.query('COMMIT'));
  const took = await timed(work);
  await ended;
  await other.end();
  return took;
}

await enter(async () => {
  const rows = Number(process.argv[2] ?? 1_000_000);
  if (!Number.isInteger(rows) || rows < 10_000) throw new OneLine('How many rows? At least 10000.');
  const postgres = await startPostgres();
  try {
    const url = await postgres.database();
    const client = await open(url);
    await fill(client, rows);
    const keyOf = () =>
      createHash('md5')
        .update(String(1 + randomInt(rows)))
        .digest('hex');
    say('reads and inserts ...');
    const alone = await single(client, keyOf);
    say('one half hour has ended ...');
    const batches = await beside(url, 'batches', keyOf, () =>
      withReaderOpen(url, 'batches', () => pruneInBatches(client)),
    );
    const partitions = await beside(url, 'partitions', keyOf, () =>
      withReaderOpen(url, 'partitions', () => client.query('DROP TABLE part_0')),
    );
    await client.end();
    const line = (name, { took, longest }) =>
      `| ${name} | ${alone[name].read.toFixed(2)} | ${alone[name].insert.toFixed(2)} | ${Math.round(took)} | ${Math.round(longest)} |`;
    console.log(
      [
        `${rows} rows, ${PARTITIONS} partitions; milliseconds. While the ${Math.round(rows / PARTITIONS)} rows of half an hour are removed, another transaction is open for ${OPEN_MS}.`,
        '',
        '| | read by key | insert | removing them | the longest read meanwhile |',
        '|---|---|---|---|---|',
        line('batches', batches),
        line('partitions', partitions),
      ].join('\n'),
    );
  } finally {
    await postgres.stop();
  }
});
