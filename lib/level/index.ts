export { levelCheckpoints } from './levelCheckpoints.js';
export type { LevelDatabase, LevelReadOptions, LevelWriteOptions } from './level-database.js';
