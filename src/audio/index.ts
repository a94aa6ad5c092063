// anneal/audio: what is made of sounds before a network hears them. Names only.

export { frequencyMask, type ResampleOptions, resample, timeMask } from "./augment.ts";
export { hzToMel, type MelOptions, type MelScale, melFilterbank, melToHz } from "./mel.ts";
export {
  amplitudeToDB,
  type DecibelOptions,
  type MelSpectrogramOptions,
  type MfccOptions,
  melSpectrogram,
  mfcc,
  type SpectrogramOptions,
  spectrogram,
} from "./spectrogram.ts";
