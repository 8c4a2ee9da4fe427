/** The library types this class but does not export it; the methods are the ones it calls on a subclass. */
declare module 'rate-limiter-flexible/lib/RateLimiterStoreAbstract.js' {
  import { RateLimiterStoreAbstract } from 'rate-limiter-flexible';

  export default abstract class RateLimiterStore<StoreResult> extends RateLimiterStoreAbstract {
    constructor(opts: { keyPrefix: string; points: number; duration: number; blockDuration: number });
    protected abstract _upsert(
      key: string,
      points: number,
      msDuration: number,
      forceExpire?: boolean,
    ): Promise<StoreResult>;
    protected abstract _get(key: string): Promise<StoreResult | null>;
    protected abstract _delete(key: string): Promise<boolean>;
    protected abstract _getRateLimiterRes(key: string, changed: number, result: StoreResult): RateLimiterRes;
  }
}
