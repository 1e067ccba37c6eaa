import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Which of the files of `vega-datasets` is used. */
export type FlightCount = '20000' | 'all';

/** One flight of the file. */
export interface Flight {
  /** Its place in the file. */
  readonly index: number;
  /** What its delay is averaged by, and its partition key: the origin airport, or the distance. */
  readonly group: string;
  /** In minutes; below 0 when early. */
  readonly delay: number;
}

export interface Flights {
  readonly groupName: 'airport' | 'distance';
  readonly flights: readonly Flight[];
}

/** Flights of one group added up: what the sink keeps, and what a mean is made of. */
export interface Total {
  readonly flights: number;
  /** The sum of their delays, in minutes: whole numbers, so that the order of adding does not matter. */
  readonly delay: number;
}

export const NOTHING: Total = { flights: 0, delay: 0 };

export function readFlights(count: FlightCount): Flights {
  return count === 'all' ? flightsByDistance() : flightsByAirport();
}

export function addFlight({ flights, delay }: Total, flight: Flight): Total {
  return { flights: flights + 1, delay: delay + flight.delay };
}

export function meanDelay({ flights, delay }: Total): number {
  return delay / flights;
}

/** Adds all flights up by group. */
export function totalsOf(flights: readonly Flight[]): ReadonlyMap<string, Total> {
  const totals = new Map<string, Total>();
  for (const flight of flights) totals.set(flight.group, addFlight(totals.get(flight.group) ?? NOTHING, flight));
  return totals;
}

function flightsByAirport(): Flights {
  const rows = readData<{ readonly origin: string; readonly delay: number }>('flights-20k.json');
  return { groupName: 'airport', flights: rows.map(({ origin, delay }, index) => ({ index, group: origin, delay })) };
}

/** The larger file has the delay, the distance and the time of day only. */
function flightsByDistance(): Flights {
  const rows = readData<{ readonly distance: number; readonly delay: number }>('flights-200k.json');
  return { groupName: 'distance', flights: rows.map(({ distance, delay }, index) => ({ index, group: `${distance} mi`, delay })) };
}

function readData<Row>(file: string): Row[] {
  // The package exports its code only; the data lies beside that.
  const code = createRequire(import.meta.url).resolve('vega-datasets');
  return JSON.parse(readFileSync(join(dirname(code), '..', 'data', file), 'utf8')) as Row[];
}
