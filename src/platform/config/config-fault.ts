/** One thing wrong with a setting: the variable as its owner wrote it (`X`, `X_FILE`), and what to do about it. */
export interface SettingFault {
  readonly setting: string;
  readonly variable: string;
  readonly message: string;
}

/** The settings cannot be used. Carries every fault at once; the message has one line for each. */
export class ConfigFault extends Error {
  readonly faults: readonly SettingFault[];

  constructor(faults: readonly SettingFault[]) {
    super(faults.map((fault) => `${fault.variable}: ${fault.message}`).join('\n'));
    this.name = 'ConfigFault';
    this.faults = faults;
  }
}
