//! The local authority: a key of the home's own, whose certificate people have their browsers trust. It can vouch for names of
//! this machine alone (RFC 5280, 4.2.1.10): should somebody get its key, that opens nothing of the web.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use backlot_state::{EngineError, Home, Lock, VERSION, read_state, short_hash, write_state};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use graviola::hashing::Sha256;
use graviola::signing::ecdsa::{P256, SigningKey};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyIdMethod, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
    SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use serde::{Deserialize, Serialize};
use sha2::Digest;

use crate::error::DoorError;
use crate::place;

/// How long another one may take to make it.
const LIMIT: Duration = Duration::from_secs(5);
/// Years for which it counts.
const YEARS: i64 = 20;
/// Days for which a name's certificate counts: Apple's systems take none of more than 825.
const DAYS: i64 = 800;
/// The longest encoding of a key or of a signature.
const LONGEST: usize = 512;

/// What is kept of it.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// Its key, as PKCS #8, in base64.
    key: String,
    /// Its certificate, as DER, in base64.
    certificate: String,
}

/// The local authority.
pub struct Authority {
    issuer: Issuer<'static, Key>,
    certificate: Vec<u8>,
    path: PathBuf,
}

/// A certificate of a name, and its key.
pub(crate) struct Vouched {
    /// The name's own, then the authority's.
    pub(crate) chain: Vec<Vec<u8>>,
    /// As PKCS #8.
    pub(crate) key: Vec<u8>,
}

impl Authority {
    /// Where its certificate is, for those who are to trust it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The one of a home, if there is one.
    pub(crate) fn of(home: &Home) -> Result<Option<Self>, DoorError> {
        let Some(kept) = read_state::<Kept>(&place::authority(home))? else { return Ok(None) };
        let bytes =
            |text: &str| STANDARD.decode(text).map_err(|_| DoorError::Tls { what: "read its authority" });
        let (key, certificate) = (Key::read(&bytes(&kept.key)?)?, bytes(&kept.certificate)?);
        let issuer = Issuer::new(params(&key)?, key);
        Ok(Some(Self { issuer, certificate, path: place::certificate(home) }))
    }

    /// The one of a home, which is made when there is none yet.
    ///
    /// # Errors
    /// When it cannot be made, kept or read, or the processor lacks what it takes.
    pub fn made(home: &Home) -> Result<Self, DoorError> {
        if !graviola::util::is_cpu_supported() {
            return Err(DoorError::Tls { what: "speak TLS on this processor" });
        }
        home.make(&place::directory(home)).map_err(EngineError::from)?;
        let _lock = Lock::acquire(&place::authority(home).with_extension("lock"), LIMIT)
            .map_err(EngineError::from)?;
        if let Some(there) = Self::of(home)? {
            there.publish()?;
            return Ok(there);
        }
        let key = Key::new()?;
        let params = params(&key)?;
        let certificate = params.self_signed(&key).map_err(|_| unsigned())?.der().to_vec();
        let (key_text, text) = (STANDARD.encode(key.der()?), STANDARD.encode(&certificate));
        write_state(&Kept { version: VERSION, key: key_text, certificate: text }, &place::authority(home))?;
        let made = Self { issuer: Issuer::new(params, key), certificate, path: place::certificate(home) };
        made.publish()?;
        Ok(made)
    }

    /// Writes its certificate where people find it. It is no secret.
    fn publish(&self) -> Result<(), DoorError> {
        let text = STANDARD.encode(&self.certificate);
        // Base64 is ASCII.
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let text = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
        fs::write(&self.path, text).map_err(DoorError::io("write its certificate"))
    }

    /// Vouches for `name`, which is `localhost` or below it.
    pub(crate) fn vouch(&self, name: &str) -> Result<Vouched, DoorError> {
        let key = Key::new()?;
        let dns = SanType::DnsName(name.try_into().map_err(|_| unsigned())?);
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![dns];
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Backlot");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.key_identifier_method = key.id();
        params.serial_number = Some(serial()?);
        date(&mut params, Span::new().days(DAYS));
        let certificate = params.signed_by(&key, &self.issuer).map_err(|_| unsigned())?;
        Ok(Vouched { chain: vec![certificate.der().to_vec(), self.certificate.clone()], key: key.der()? })
    }
}

fn unsigned() -> DoorError {
    DoorError::Tls { what: "sign a certificate" }
}

/// Has a certificate count from yesterday on: clocks differ.
fn date(params: &mut CertificateParams, how_long: Span) {
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let time = |date: Date| {
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = time(today.saturating_sub(Span::new().days(1)));
    params.not_after = time(today.saturating_add(how_long));
}

fn serial() -> Result<SerialNumber, DoorError> {
    let mut bytes = [0; 16];
    graviola::random::fill(&mut bytes).map_err(|_| DoorError::Tls { what: "have random numbers" })?;
    bytes[0] &= 0x7f; // it is positive
    Ok(SerialNumber::from(bytes.to_vec()))
}

/// What the authority of this key says of itself; always the same but for dates and number.
fn params(key: &Key) -> Result<CertificateParams, DoorError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Backlot");
    params.distinguished_name.push(DnType::CommonName, format!("Backlot on this machine {}", key.name()));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let permitted_subtrees = vec![GeneralSubtree::DnsName("localhost".into())];
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    params.key_identifier_method = key.id();
    params.serial_number = Some(serial()?);
    date(&mut params, Span::new().years(YEARS));
    Ok(params)
}

/// A key on the curve P-256, which all browsers understand.
struct Key {
    signing: SigningKey<P256>,
    /// The public point, uncompressed.
    public: Vec<u8>,
}

impl Key {
    fn new() -> Result<Self, DoorError> {
        Self::of(SigningKey::generate().map_err(|_| DoorError::Tls { what: "make a key" })?)
    }

    fn read(der: &[u8]) -> Result<Self, DoorError> {
        Self::of(SigningKey::from_pkcs8_der(der).map_err(|_| DoorError::Tls { what: "read its key" })?)
    }

    fn of(signing: SigningKey<P256>) -> Result<Self, DoorError> {
        let mut whole = [0; LONGEST];
        let whole = signing.to_spki_der(&mut whole).map_err(|_| DoorError::Tls { what: "read its key" })?;
        // The point is last: a byte that says how it is written, and two numbers of 32 bytes.
        let public = whole[whole.len().saturating_sub(65)..].to_vec();
        Ok(Self { signing, public })
    }

    fn der(&self) -> Result<Vec<u8>, DoorError> {
        let mut der = [0; LONGEST];
        let der =
            self.signing.to_pkcs8_der(&mut der).map_err(|_| DoorError::Tls { what: "write its key" })?;
        Ok(der.to_vec())
    }

    fn id(&self) -> KeyIdMethod {
        let hash = sha2::Sha256::digest(&self.public);
        KeyIdMethod::PreSpecified(hash.iter().take(20).copied().collect())
    }

    /// Eight digits by which people tell two of them apart.
    fn name(&self) -> String {
        short_hash(&self.public)
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut signature = [0; LONGEST];
        let signed = self.signing.sign_asn1::<Sha256>(&[message], &mut signature);
        signed.map(<[u8]>::to_vec).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
