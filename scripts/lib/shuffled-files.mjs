/** jest's own `--randomize` changes the order of the tests in a file; this changes that of the files, by the same seed. */
import { createHash } from 'node:crypto';
import Sequencer from '@jest/test-sequencer';

export default class ShuffledFiles extends Sequencer {
  constructor(options) {
    super(options);
    this.seed = options.globalConfig.seed;
  }

  sort(tests) {
    const place = ({ path }) => createHash('sha256').update(`${this.seed} ${path}`).digest('hex');
    return [...tests].sort((one, other) => (place(one) < place(other) ? -1 : 1));
  }
}
