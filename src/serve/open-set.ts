/**
 * Members that come and go. Not a Set: where all its members change all the time, V8 makes it a new table again and again,
 * and each old one keeps what was in the next alive until a full collection.
 */
export function createOpenSet<T>() {
  const all: T[] = [];
  const places: { at: number }[] = [];
  return {
    all: all as readonly T[],
    /** Answers how to leave, once. */
    join(member: T): () => void {
      const place = { at: all.length };
      all.push(member);
      places.push(place);
      return () => {
        const [last, lastPlace] = [all.pop() as T, places.pop() as { at: number }];
        if (lastPlace === place) return;
        all[place.at] = last;
        places[place.at] = lastPlace;
        lastPlace.at = place.at;
      };
    },
  };
}
