// The host, from within a component: the interfaces of the contract, which the componentizer resolves.

export { default as clock } from "sluicebox:plugin/clock@0.1.0";
export { default as config } from "sluicebox:plugin/config@0.1.0";
export { default as crypto } from "sluicebox:plugin/crypto@0.1.0";
export { default as log } from "sluicebox:plugin/log@0.1.0";
export { default as metrics } from "sluicebox:plugin/metrics@0.1.0";
export { default as random } from "sluicebox:plugin/random@0.1.0";
export { default as state } from "sluicebox:plugin/state@0.1.0";
