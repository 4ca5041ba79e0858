// There is no host while a plugin is built: what a module asks for when it is loaded would be frozen into the component.

function none() {
  throw new Error("the host can be asked only while a function of the plugin runs, not while its module is loaded");
}

const nothing = new Proxy({}, { get: () => none });

export const clock = nothing;
export const config = nothing;
export const crypto = nothing;
export const log = nothing;
export const metrics = nothing;
export const random = nothing;
export const state = nothing;
