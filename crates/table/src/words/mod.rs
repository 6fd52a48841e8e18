mod decode;
pub mod hash;
mod lane;
pub mod token;
mod token_set;
