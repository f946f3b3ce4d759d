//! One certificate: the account, the order, the proofs of its names, and the chain.

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, ExternalAccountKey, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use std::time::Duration;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::{
    Acme,
    error::{AcmeError, said},
    http::Http,
};
use crate::{client, tls::Tls};

/// The times at which an order is looked at.
const POLLING: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .backoff(1.5)
    .timeout(Duration::from_secs(4 * 60));
/// The kind of an authority's error about an account that it does not have.
const NO_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// A certificate chain and its key, in PEM.
pub(super) struct Issued {
    pub(super) key: String,
    pub(super) chain: String,
}

/// Ends the proofs of names, however the order ends.
struct Proofs<'a>(&'a Tls);

impl Drop for Proofs<'_> {
    fn drop(&mut self) {
        self.0.end_proofs();
    }
}

/// Gets a certificate.
pub(super) async fn issue(acme: &Acme) -> Result<Issued, AcmeError> {
    let authority = client::origin(&acme.settings.directory);
    let failed = |action| {
        let authority = authority.clone();
        move |error| AcmeError::of(&authority, action, error)
    };
    let proofs = Proofs(&acme.tls);
    let mut order = begin(acme, &authority).await?;
    prove(&mut order, &authority, &acme.tls).await?;
    let ready = match order.poll_ready(&POLLING).await {
        Ok(OrderStatus::Invalid) => Err(None),
        Ok(_) => Ok(()),
        Err(error) => Err(Some(error)),
    };
    if let Err(error) = ready {
        return Err(match (unverified(&mut order, &authority).await, error) {
            (Some(unverified), _) => unverified,
            (None, Some(error)) => AcmeError::of(&authority, "the order", error),
            (None, None) => AcmeError::Refused {
                authority,
                action: "the order",
                said: "it is invalid".to_owned(),
            },
        });
    }
    drop(proofs);
    let names = acme.settings.domains.iter().map(ToString::to_string);
    let mut wanted = CertificateParams::new(names.collect::<Vec<_>>()).map_err(make)?;
    wanted.distinguished_name = DistinguishedName::new();
    let key = KeyPair::generate().map_err(make)?;
    let request = wanted.serialize_request(&key).map_err(make)?;
    let finalized = order.finalize_csr(request.der()).await;
    finalized.map_err(failed("the request for the certificate"))?;
    let chain = order.poll_certificate(&POLLING).await;
    Ok(Issued {
        key: key.serialize_pem(),
        chain: chain.map_err(failed("the certificate"))?,
    })
}

/// Begins an order. If the authority has forgotten the account, with a new one.
async fn begin(acme: &Acme, authority: &str) -> Result<Order, AcmeError> {
    let names = acme.settings.domains.iter();
    let names: Vec<_> = names
        .map(|name| Identifier::Dns(name.to_string()))
        .collect();
    let failed = |error| AcmeError::of(authority, "the order", error);
    if let Some(credentials) = acme.cache.account() {
        let account = Account::builder_with_http(Box::new(Http(acme.trust.clone())));
        let account = account.from_credentials(credentials).await;
        let account = account.map_err(|error| directory(acme, error))?;
        match account.new_order(&NewOrder::new(&names)).await {
            Err(Error::Api(problem)) if problem.r#type.as_deref() == Some(NO_ACCOUNT) => {
                tracing::warn!("{authority} has no account for this server any more");
            }
            order => return order.map_err(failed),
        }
    }
    let account = register(acme, authority).await?;
    account
        .new_order(&NewOrder::new(&names))
        .await
        .map_err(failed)
}

async fn register(acme: &Acme, authority: &str) -> Result<Account, AcmeError> {
    let contacts = acme.settings.contacts.iter();
    let contacts: Vec<_> = contacts.map(|mail| format!("mailto:{mail}")).collect();
    let contacts: Vec<_> = contacts.iter().map(String::as_str).collect();
    let account = NewAccount {
        contact: &contacts,
        terms_of_service_agreed: acme.settings.accept_terms,
        only_return_existing: false,
    };
    let external = acme.external.as_ref();
    let binding = external.map(|one| ExternalAccountKey::new(one.key_id.clone(), &one.key));
    let at = acme.settings.directory.to_string();
    let created = Account::builder_with_http(Box::new(Http(acme.trust.clone())))
        .create(&account, at, binding.as_ref())
        .await;
    let (account, credentials) = created.map_err(|error| match error {
        Error::Api(problem) => AcmeError::of_account(authority, external, problem),
        other => directory(acme, other),
    })?;
    acme.cache.keep_account(&credentials)?;
    Ok(account)
}

fn directory(acme: &Acme, error: Error) -> AcmeError {
    AcmeError::Directory {
        directory: acme.settings.directory.to_string(),
        cause: error.to_string(),
    }
}

/// Shows the authority a proof of each name that it has not verified yet.
async fn prove(order: &mut Order, authority: &str, tls: &Tls) -> Result<(), AcmeError> {
    let failed = |error| AcmeError::of(authority, "the verification of a name", error);
    let mut all = order.authorizations();
    while let Some(one) = all.next().await {
        let mut one = one.map_err(failed)?;
        let domain = one.identifier().to_string();
        match one.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            status => {
                return Err(AcmeError::Unverified {
                    authority: authority.to_owned(),
                    domain,
                    said: format!("its authorization is {status:?}"),
                });
            }
        }
        let challenge = one.challenge(ChallengeType::TlsAlpn01);
        let mut challenge = challenge.ok_or_else(|| AcmeError::NoWay {
            authority: authority.to_owned(),
            domain: domain.clone(),
        })?;
        let digest = challenge.key_authorization().digest();
        show(tls, &domain, digest.as_ref())?;
        challenge.set_ready().await.map_err(failed)?;
    }
    Ok(())
}

/// Makes the certificate that proves a name, and shows it.
fn show(tls: &Tls, domain: &str, digest: &[u8]) -> Result<(), AcmeError> {
    let mut proof = CertificateParams::new(vec![domain.to_owned()]).map_err(make)?;
    proof.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().map_err(make)?;
    let proof = proof.self_signed(&key).map_err(make)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let shown = tls.prove(domain, proof.der().clone(), key.into());
    shown.map_err(AcmeError::Make)
}

/// The name that the authority could not verify, and the reason in its words.
async fn unverified(order: &mut Order, authority: &str) -> Option<AcmeError> {
    let mut all = order.authorizations();
    while let Some(one) = all.next().await {
        let mut one = one.ok()?;
        let state = one.refresh().await.ok()?;
        if state.status == AuthorizationStatus::Valid {
            continue;
        }
        let errors = state.challenges.iter();
        if let Some(problem) = errors.filter_map(|one| one.error.as_ref()).next() {
            return Some(AcmeError::Unverified {
                authority: authority.to_owned(),
                domain: state.identifier().to_string(),
                said: said(problem),
            });
        }
    }
    None
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn make(error: rcgen::Error) -> AcmeError {
    AcmeError::Make(error.to_string())
}
