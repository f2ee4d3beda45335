//! [`pins`]: what makes every process of a cluster compute with the same weights.

use std::collections::HashSet;
use std::path;

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use pomona_backbones::BackboneFactory;
use pomona_weights::Source;

use crate::backbone_weights::{model, pinned};
use crate::backbones::Network;
use crate::image_function::ImageFunc;
use crate::network;
use crate::{FunctionError, Objects, PomonaOptions};

/// The options that pin the weights of a plan's networks: with them, a process in another folder
/// finds the same files, and one that finds other bytes fails.
///
/// Networks whose sha256 the options do not name yet are loaded for it.
///
/// # Errors
/// When weights are needed that nobody names, or that cannot be loaded.
pub fn pins(
    plan: &LogicalPlan,
    options: &PomonaOptions,
    objects: &Objects,
) -> Result<Vec<(&'static str, String)>> {
    let networks = networks(plan)?;
    if networks.is_empty() {
        return Ok(vec![]);
    }
    let options = &options.for_this_machine();
    let mut pins = vec![];
    if networks.contains(&Network::MobileNetV2) {
        if network::pinned(options).is_none() {
            let loaded = network::network(options, objects)?;
            pins.push(("pomona.weights_sha256", loaded.sha256.clone()));
        }
        pins.push(("pomona.weights", everywhere(options.weights_location())));
    }
    let backbones = backbones(&networks);
    if !backbones.is_empty() {
        let sha256 = pinned_backbones(&backbones, options, objects)?;
        pins.push(("pomona.backbone_weights_sha256", sha256));
        if let Some(weights) = &options.backbone_weights {
            pins.push(("pomona.backbone_weights", everywhere(weights)));
        }
    }
    Ok(pins)
}

/// What the option says, and the networks of which it says nothing.
fn pinned_backbones(
    backbones: &[&'static dyn BackboneFactory],
    options: &PomonaOptions,
    objects: &Objects,
) -> Result<String, FunctionError> {
    let said = options.backbone_weights_sha256.iter();
    let mut pins: Vec<_> = said.filter(|pins| !pins.is_empty()).cloned().collect();
    for &backbone in backbones {
        if pinned(backbone, options)?.is_none() {
            let loaded = model(backbone, options, objects)?;
            pins.push(format!("{backbone}={}", loaded.sha256));
        }
    }
    Ok(pins.join(","))
}

/// The networks but MobileNetV2, in the order of their names.
fn backbones(networks: &HashSet<Network>) -> Vec<&'static dyn BackboneFactory> {
    let others = networks.iter().filter_map(|network| match network {
        Network::MobileNetV2 => None,
        Network::Other(factory) => Some(*factory),
    });
    let mut backbones: Vec<_> = others.collect();
    backbones.sort_by_key(|backbone| backbone.name());
    backbones
}

/// The networks that a plan's calls run.
fn networks(plan: &LogicalPlan) -> Result<HashSet<Network>> {
    let mut networks = HashSet::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::ScalarFunction(call) = part
                    && let Some(function) = call.func.inner().downcast_ref::<ImageFunc>()
                {
                    networks.extend(function.network(&call.args));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(networks)
}

/// A location of weights as it is understood in every folder: a path is made absolute.
fn everywhere(location: &str) -> String {
    let absolute = match Source::parse(location) {
        Ok(Source::File(path)) if !location.contains("://") => path::absolute(path).ok(),
        _ => None,
    };
    absolute.map_or_else(
        || location.to_string(),
        |path| path.to_string_lossy().into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::scalar_functions;

    async fn networks_of(sql: &str) -> Vec<String> {
        let ctx = SessionContext::new();
        for function in scalar_functions(&Objects::none()) {
            ctx.register_udf(function.as_ref().clone());
        }
        let plan = ctx.sql(sql).await.unwrap().into_optimized_plan().unwrap();
        let networks = networks(&plan).unwrap();
        let mut names: Vec<_> = networks
            .iter()
            .map(|network| format!("{network:?}"))
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn the_networks_of_a_plan_are_those_of_its_calls() {
        let none: [&str; 0] = [];
        assert_eq!(networks_of("SELECT image_error(X'00')").await, none);
        let sql = "SELECT try_mobilenet_v2(a) FROM (SELECT CAST(b AS bytea) AS a
            FROM (VALUES ('x'), ('y')) t(b)) WHERE array_length(image_features(a, 'resnet18')) > 0
            AND EXISTS (SELECT try_image_features(CAST(c AS bytea), 'dinov2_small')[1] AS d
                FROM (VALUES ('x'), ('z')) u(c) WHERE c = CAST(a AS varchar)
                AND try_image_features(CAST(c AS bytea), 'dinov2_small')[1] > 0)";
        assert_eq!(
            networks_of(sql).await,
            ["MobileNetV2", "Other(dinov2_small)", "Other(resnet18)"]
        );
        let sql = "SELECT image_features(CAST(b AS bytea), 'mobilenet_v2')
            FROM (VALUES ('x'), ('y')) t(b)";
        assert_eq!(networks_of(sql).await, ["MobileNetV2"]);
    }

    #[test]
    fn paths_alone_are_made_absolute() {
        for same in ["fruits", "imagenet", "s3://models/w", "/w", "file://here"] {
            assert_eq!(everywhere(same), same);
        }
        let here = std::env::current_dir().unwrap();
        assert_eq!(everywhere("a/w"), here.join("a/w").to_str().unwrap());
    }
}
