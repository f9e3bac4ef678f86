package nextflowbatch

import groovy.transform.CompileStatic
import nextflow.plugin.BasePlugin
import org.pf4j.PluginWrapper

/** What the head adds to Nextflow; its extensions are listed in META-INF/extensions.idx. */
@CompileStatic
class HeadPlugin extends BasePlugin {

    HeadPlugin(PluginWrapper wrapper) {
        super(wrapper)
    }
}
