/**
 * How many addresses each source may have under consideration, so that one that names many does not crowd out the others.
 *
 * Pure bookkeeping. Knows counts and who gives way; leaves what a candidate is to `candidates.ts`.
 *
 * @module
 */

import type { SourceName } from "../config/words.ts";

/** Who names an address. */
export interface Named {
  readonly address: string;
  readonly source: SourceName;
  /** The sender of the message that names it, where there is one. */
  readonly from?: string | undefined;
}

/** A place under consideration, as far as it may have to give way. */
export interface Occupant {
  /** Whether it was found to be no router. */
  readonly isRejected: boolean;
  /** Whether it has proven to be one. */
  readonly isProven: boolean;
  /** Since when it has been asked without an answer, on the search's clock. */
  readonly askedAt: number;
}

/** More than a network has of one kind, fewer than a hostile one could name. */
const MAX_PLACES = 16;
/** The same for those whom another names: a DHCP server speaks for itself, as a rule, and a relay for a few. */
const MAX_HEARSAY_PLACES = 8;
/** A router that is there answers sooner, unless it is very slow. */
const GIVES_WAY_AFTER_MS = 1_000;
/** How many a source may name anew in a second: each costs a connection. */
const MAX_PER_SECOND = 32;

/** Decides who is admitted. */
export interface Admission<T extends Occupant> {
  /**
   * Makes room for an address.
   *
   * @returns whether there is room; `evicted` is who had to give way
   */
  admit(named: Named, place: T): { readonly isAdmitted: boolean; readonly evicted?: T };
}

interface Ward<T> {
  readonly places: T[];
  second: number;
  admitted: number;
}

/** Creates an admission with every place free. */
export function createAdmission<T extends Occupant>(now: () => number): Admission<T> {
  const wards = new Map<string, Ward<T>>();

  const wardOf = (name: string): Ward<T> => {
    const ward = wards.get(name) ?? { places: [], second: 0, admitted: 0 };
    wards.set(name, ward);
    return ward;
  };

  return {
    admit(named, place) {
      const isHearsay = named.from !== undefined && named.from !== named.address;
      const ward = wardOf(isHearsay ? `${named.source}, of others` : named.source);
      const second = Math.floor(now() / 1_000);
      if (second !== ward.second) Object.assign(ward, { second, admitted: 0 });
      if (ward.admitted >= MAX_PER_SECOND) return { isAdmitted: false };
      const evicted = ward.places.length < (isHearsay ? MAX_HEARSAY_PLACES : MAX_PLACES)
        ? undefined
        : whoGivesWay(ward.places, now());
      if (evicted === null) return { isAdmitted: false };
      if (evicted !== undefined) ward.places.splice(ward.places.indexOf(evicted), 1);
      ward.places.push(place);
      ward.admitted += 1;
      return evicted === undefined ? { isAdmitted: true } : { isAdmitted: true, evicted };
    },
  };
}

/** Who was rejected, or else who has been silent for long; `null` if nobody is either. */
function whoGivesWay<T extends Occupant>(places: readonly T[], now: number): T | null {
  return places.find(({ isRejected }) => isRejected) ??
    places.find(({ isProven, askedAt }) => !isProven && now - askedAt >= GIVES_WAY_AFTER_MS) ?? null;
}
