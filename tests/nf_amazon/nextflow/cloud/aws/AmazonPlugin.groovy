package nextflow.cloud.aws

import nextflow.plugin.BasePlugin
import org.pf4j.PluginWrapper

/** A stand-in for nf-amazon, where that cannot be had: what the head's plugin builds on of it. */
class AmazonPlugin extends BasePlugin {

    AmazonPlugin(PluginWrapper wrapper) {
        super(wrapper)
    }
}
