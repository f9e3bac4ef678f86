package nextflowbatch

import groovy.transform.CompileStatic
import nextflow.container.resolver.ContainerInfo
import nextflow.container.resolver.DefaultContainerResolver
import nextflow.plugin.Priority
import nextflow.processor.TaskRun

/**
 * Sends tasks to the deployment's copies of public images, as NF_REGISTRIES says (docs/head.md).
 *
 * What Nextflow has made of a container's name, with `docker.registry`, is looked up by its registry.
 * A task's hash keeps the image's own name, so a resume finds what ran with and without copies. Wave
 * takes precedence where a pipeline uses it.
 * https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/container/resolver/ContainerResolverProvider.groovy
 */
@CompileStatic
@Priority(-1)
class CachedImages extends DefaultContainerResolver {

    /** Under these names too, an image is in Docker Hub. */
    private static final List<String> DOCKER_HUB = ['index.docker.io', 'registry-1.docker.io']

    private final Map<String, String> copies = read(System.getenv('NF_REGISTRIES'))

    private static Map<String, String> read(String text) {
        final result = new LinkedHashMap<String, String>()
        for( String entry : (text ?: '').tokenize(' ') ) {
            final parts = entry.tokenize('=')
            result.put(parts[0], parts[1])
        }
        return result
    }

    @Override
    ContainerInfo resolveImage(TaskRun task, String imageName) {
        final info = super.resolveImage(task, imageName)
        final copy = info.target ? copyOf(info.target) : null
        return copy ? new ContainerInfo(info.source, copy, info.hashKey) : info
    }

    /** Null if the image's registry is not copied. */
    private String copyOf(String image) {
        if( image.contains('://') )  // a job definition of the pipeline's own
            return null
        final slash = image.indexOf('/')
        final first = slash == -1 ? '' : image.substring(0, slash)
        final named = first.contains('.') || first.contains(':') || first == 'localhost'
        final host = !named || first in DOCKER_HUB ? 'docker.io' : first
        final place = copies.get(host)
        if( !place )
            return null
        final name = named ? image.substring(slash + 1) : image
        // Docker Hub's own images have no owner in their names, but in the registry.
        final owned = host != 'docker.io' || name.contains('/')
        return owned ? "$place/$name" : "$place/library/$name"
    }
}
